"""The decoded pictures of a batch for the reference, and the views made of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maskgen.errors import ImageFault
from maskgen.io.images.stored import decode_photo
from maskgen.shards import naming
from maskgen.shards.patch import paste_background
from maskgen.types import RGB, Box

from ..reading.buffers import Taken
from ..reading.samples import SampleReader
from ..recipes.spec import Recipe, View
from ..sampling.draws import DONOR, BatchDraws, ViewDraws

if TYPE_CHECKING:
    from .reference import Made


class Pictures:
    """The pictures of a batch, each decoded when a view first needs it.

    Args:
        reader: of the data set; where it reads the backgrounds.
        taken: the batch, with its photos; its masks may have been spoilt.
        draws: of the batch.
    """

    def __init__(self, reader: SampleReader, taken: Taken, draws: BatchDraws) -> None:
        self._reader = reader
        self._taken = taken
        self._draws = draws
        self._decoded: dict[tuple[str, int], RGB] = {}

    def made(self, recipe: Recipe, row: int) -> list[Made]:
        """The views of a row, and behind them its negative.

        Raises:
            BrokenSample: a picture is damaged.
        """
        pairs = zip(recipe.views, self._draws.views, strict=True)
        made = [self._view(view, draws, row, row) for view, draws in pairs]
        if recipe.negative is not None and self._draws.negative is not None:
            source = int(self._draws.negative_source[row])
            made.append(self._view(recipe.negative.view, self._draws.negative, row, source))
        return made

    def _view(self, view: View, draws: ViewDraws, row: int, source: int) -> Made:
        import torch

        from .reference import Sources, from_numpy, make_view

        mask = torch.from_numpy(self._taken.small.fg[source][None])
        donor = int(draws.donor[row])
        behind = from_numpy(self._background(donor)) if draws.kind[row] == DONOR else None
        sources = Sources(from_numpy(self._decode(naming.PHOTO, source)), mask, behind)
        return make_view(view, draws, row, sources, self._reader.dataset.level)

    def _background(self, row: int) -> RGB:
        """The background picture; where only a patch of it is stored, pasted on its photo."""
        stored, meta = self._decode(naming.BACKGROUND, row), self._taken.small.meta[row]
        place = Box(*meta["bg_box"].tolist())
        photo = self._decode(naming.PHOTO, row)
        return stored if place == Box(0, 0, *photo.shape[:2]) else paste_background(photo, stored, place)

    def _decode(self, ext: str, row: int) -> RGB:
        """(H, W, 3) uint8; two threads may both decode it, to the same result."""
        found = self._decoded.get((ext, row))
        if found is None:
            sample = int(self._taken.samples[row])
            encoded = self._taken.encoded.get(ext)
            data = encoded[row] if encoded is not None else self._reader.encoded(sample, ext)
            try:
                found = decode_photo(data.tobytes())
            except ImageFault as error:
                raise self._reader.fault(sample, ext, "a picture cannot be decoded", str(error)) from error
            self._decoded[ext, row] = found
        return found
