"""Whole batches by the oracle of views: read and drawn by the loader's own code, every pixel made by
`views`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskgen.io.images.stored import decode_photo
from maskgen.loaders.dataset.dataset import Dataset
from maskgen.loaders.order.schedule import Schedule
from maskgen.loaders.reading.buffers import Small, Taken
from maskgen.loaders.reading.samples import SampleReader
from maskgen.loaders.recipes.parts import Background
from maskgen.loaders.recipes.spec import Negative, Recipe, View
from maskgen.loaders.sampling.corruption import corrupt
from maskgen.loaders.sampling.draws import draw
from maskgen.loaders.sampling.negatives import NegativeDraws
from maskgen.loaders.sampling.view_draws import DONOR, ViewDraws
from maskgen.shards.patch import paste_background
from maskgen.types import RGB, Box

from .views import Made, Sources, composite, from_numpy, make_view


def expected_batches(
    dataset: Dataset, batch_size: int, *, recipe: Recipe, seed: int, epoch: int = 0
) -> Iterator[dict[str, Any]]:
    """The batches of one epoch, with the keys of `maskgen.loaders.Batch`, as uint8 on the CPU."""
    members = ("jpg", "bg.jpg") if recipe.needs_backgrounds else ("jpg",)
    reader = SampleReader(dataset, members)
    schedule = Schedule(dataset.samples, batch_size, 0, 1, "drop")
    order = dataset.order(seed, epoch)
    for step in range(schedule.steps):
        yield _batch(reader, recipe, schedule.batch(order, step), (seed, epoch))
    reader.close()


def _batch(
    reader: SampleReader, recipe: Recipe, samples: NDArray[np.int64], stream: tuple[int, int]
) -> dict[str, Any]:
    seed, epoch = stream
    members = ("jpg", "bg.jpg") if recipe.needs_backgrounds else ("jpg",)
    taken = reader.take(samples, members)
    level, law, lends = reader.dataset.level, recipe.corruption, taken.small.sat[:, -1, -1] > 0
    extra = recipe.negative
    small, uses = taken.small, len(recipe.views) + (0 if extra is None else extra.count)
    if law is not None:
        each = [
            corrupt(law, small, taken.samples, seed=seed, epoch=epoch, level=level, use=use)
            for use in range(uses)
        ]
        small = Small(*(np.stack(field, axis=1) for field in zip(*each, strict=True)))
    draws = draw(recipe, small.sat, small.meta, samples, seed=seed, epoch=epoch, lends=lends)
    pictures = _Pictures(taken, level, small.fg)
    columns = []
    for use, (view, of) in enumerate(zip(recipe.views, draws.views, strict=True)):
        others = of.box if view.masks_within is None else draws.views[view.masks_within].box
        rows = range(len(samples))
        columns.append(
            _Column([pictures.view(view, of, (row, row), use, view.background, others[row]) for row in rows])
        )
    negatives = [
        torch.stack(
            [
                _negative(extra, pictures, drawn, row, (columns, recipe.views, level), use)
                for row in range(len(samples))
            ]
        )
        for use, drawn in enumerate(draws.negatives, start=len(recipe.views))
        if extra is not None
    ]
    sources = [torch.from_numpy(drawn.source).long() for drawn in draws.negatives]
    matched = [torch.from_numpy(drawn.matched) for drawn in draws.negatives]
    return {
        "views": tuple(column.part("view") for column in columns),
        **{
            name: _none_if_all_none(tuple(column.part(name.removesuffix("s")) for column in columns))
            for name in ("masks", "cam_masks", "weak", "masked", "kept")
        },
        "boxes": torch.from_numpy(np.stack([view.box for view in draws.views], axis=1)),
        "flips": torch.from_numpy(np.stack([view.flip for view in draws.views], axis=1)),
        "replaced": torch.from_numpy(np.stack([view.kind for view in draws.views], axis=1)),
        "skipped": torch.from_numpy(np.stack([view.skipped for view in draws.views], axis=1)),
        "negative": _side_by_side(negatives),
        "negative_source": _side_by_side(sources),
        "matched": _side_by_side(matched),
        "label": torch.from_numpy(taken.small.meta["label"].astype(np.int64)),
        "key": reader.dataset.keys(samples),
        "sample": torch.from_numpy(samples),
    }


def _side_by_side(parts: list[Tensor]) -> Tensor | None:
    """One (B, ...) as it is, several as (B, n, ...)."""
    return None if not parts else parts[0] if len(parts) == 1 else torch.stack(parts, dim=1)


def _negative(
    law: Negative,
    pictures: _Pictures,
    drawn: NegativeDraws,
    row: int,
    batch: tuple[list[_Column], tuple[View, ...], int],
    use: int,
) -> Tensor:
    """(3, S, S) uint8: the negative of a row's query."""
    columns, views, level = batch
    behind = views[law.background_of].background
    view, source = drawn.view, int(drawn.source[row])
    own = pictures.view(law.view, view, (row, source), use, behind, view.box[row]).view
    query = columns[law.background_of].rows[row]
    if law.formula == "prose" or not drawn.matched[row]:
        return own
    assert query.soft is not None
    parts = (query.view, own) if law.formula == "printed" else (own, query.view)
    return composite(*parts, query.soft, level, law.view.background.softness)


def _none_if_all_none(parts: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...] | None:
    return None if all(part is None for part in parts) else parts


class _Column(NamedTuple):
    """One view of each row of a batch."""

    rows: list[Made]

    def part(self, name: str) -> Tensor | None:
        """One output of all rows, stacked; None where the view does not give it."""
        found = [getattr(made, name) for made in self.rows]
        return None if found[0] is None else torch.stack(found)


class _Pictures:
    """The pictures of a batch, decoded as they are needed."""

    def __init__(self, taken: Taken, level: int, masks: NDArray[np.uint8]) -> None:
        self._taken = taken
        self._masks = masks
        self._level = level

    def view(
        self,
        view: View,
        draws: ViewDraws,
        rows: tuple[int, int],
        use: int,
        behind_it: Background,
        within: NDArray[np.float32],
    ) -> Made:
        """A view of rows[0] that shows the photo of rows[1] and its mask for this use.

        Its masks are cut to the crop `within`.
        """
        row, source = rows
        masks = self._masks[source]
        mask = torch.from_numpy((masks[use] if masks.ndim == 3 else masks)[None])
        behind = from_numpy(self._background(int(draws.donor[row]))) if draws.kind[row] == DONOR else None
        sources = Sources(from_numpy(self._decode("jpg", source)), mask, behind)
        return make_view(view, draws, row, sources, self._level, within=within, color=behind_it.color)

    def _background(self, row: int) -> RGB:
        """The background picture; where only a patch of it is stored, pasted on its photo."""
        stored, photo = self._decode("bg.jpg", row), self._decode("jpg", row)
        place = Box(*self._taken.small.meta["bg_box"][row].tolist())
        return stored if place == Box(0, 0, *photo.shape[:2]) else paste_background(photo, stored, place)

    def _decode(self, ext: str, row: int) -> RGB:
        return decode_photo(self._taken.encoded[ext][row].tobytes())
