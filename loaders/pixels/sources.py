"""What a batch's pictures are made from: encoded photos and backgrounds, masks, draws. All in numpy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from maskgen.config.run_config import BACKGROUND_VERSIONS
from maskgen.errors import UsageError
from maskgen.shards import naming
from maskgen.shards.confidence import suspected

from ..dataset.dataset import Dataset
from ..options import LoaderOptions
from ..reading.broken import BrokenSample
from ..reading.buffers import Taken
from ..reading.samples import SampleReader
from ..recipes.spec import Recipe
from ..sampling.corruption import corrupt_each
from ..sampling.draws import BatchDraws, draw
from ..sampling.view_draws import DONOR
from . import draw_table
from .draw_table import DrawTable
from .tiles import tiling


@dataclass(frozen=True, slots=True, eq=False)
class Sources:
    """One batch of B rows before its first pixel.

    Args:
        wanted: (B,) int64, the samples that the order asks for.
        seed: of the draws.
        epoch: of the draws.
        taken: what was read: those samples, or their substitutes; its masks are the stored ones.
        masks: (B, 128, 128) uint8 soft masks; (B, V, 128, 128) where the recipe corrupts them for each view,
            and for each negative behind the last one.
        draws: of the batch.
        table: the same draws as one table.
        backgrounds: by row, the encoded backgrounds that any view shows.
    """

    wanted: NDArray[np.int64]
    seed: int
    epoch: int
    taken: Taken
    masks: NDArray[np.uint8]
    draws: BatchDraws
    table: DrawTable
    backgrounds: dict[int, NDArray[np.uint8]]

    @property
    def request(self) -> tuple[NDArray[np.int64], int, int]:
        """What `SourceReader.read` was asked for: (B,) sample numbers, seed, epoch."""
        return self.wanted, self.seed, self.epoch

    @property
    def photos(self) -> list[NDArray[np.uint8]]:
        """B encoded JPEGs, each (bytes,) uint8."""
        return self.taken.encoded[naming.PHOTO]


class SourceReader:
    """Reads and draws any batch: a function of (samples, seed, epoch) and of which samples are broken.

    Args:
        reader: of the data set, opened for photos, and for backgrounds where the recipe shows them.
        recipe: what is made of each image.
        tile: make tiled backgrounds anew instead of reading them, where that can be done: not of shards whose
            backgrounds were tiled in another way than today's.
    """

    def __init__(self, reader: SampleReader, recipe: Recipe, *, tile: bool = False) -> None:
        self.reader = reader
        self.recipe = recipe
        self.tile = tile and _tiled_as_today(reader.dataset)
        options = reader.dataset.manifest.identity["options"]
        self._made_by = options["method"], options.get("confidence_version", 1)

    def read(self, wanted: NDArray[np.int64], seed: int, epoch: int) -> Sources:
        """The sources of one batch of (B,) samples, B >= 1.

        Raises:
            BrokenSample: a sample is damaged, and the reader's `on_error` is ``raise``.
            ShardFault: no whole sample was found in place of a broken one.
            EnvironmentFault: the files cannot be read for a reason outside them.
        """
        while True:
            taken = self.reader.take(wanted, (naming.PHOTO,))
            sources = draw_sources(
                self.recipe, taken, seed=seed, epoch=epoch, level=self.reader.dataset.level
            )
            try:
                backgrounds = self._backgrounds(sources.table, taken)
            except BrokenSample as fault:
                self.reader.mark_broken(fault)  # raises, or the batch is made again without the sample
                continue
            return replace(sources, wanted=wanted, backgrounds=backgrounds)

    def _backgrounds(self, table: DrawTable, taken: Taken) -> dict[int, NDArray[np.uint8]]:
        """The encoded backgrounds that any view shows, by row, each read once."""
        if not self.recipe.needs_backgrounds:
            return {}
        shown = table["kind"] == DONOR
        rows = np.unique(table["donor"][shown]).astype(int).tolist()
        found = {}
        for row in rows:
            meta: np.void = taken.small.meta[row]  # pyright: ignore[reportAssignmentType]
            how = tiling(meta, suspected(taken.small.fg[row], *self._made_by)) if self.tile else None
            if how is None:
                found[row] = self.reader.encoded(int(taken.samples[row]), naming.BACKGROUND, meta)
            else:
                places = shown & (table["donor"] == row)
                draw_table.set_tiling(table, places, how, meta)
        return found


def draw_sources(
    recipe: Recipe,
    taken: Taken,
    *,
    seed: int,
    epoch: int,
    level: int,
    lends: NDArray[np.bool_] | None = None,
) -> Sources:
    """The sources of a batch that was read, but its backgrounds: masks as they are used, and draws.

    Args:
        recipe: what is made of each image.
        taken: what was read.
        seed: of the draws.
        epoch: of the draws.
        level: smallest mask value that counts as foreground, 1..255.
        lends: (B,) bool, whose background may be shown behind others; None: all that have a foreground.
    """
    small, corruption = taken.small, recipe.corruption
    lends = small.sat[:, -1, -1] > 0 if lends is None else lends
    used = small
    if corruption is not None:
        uses = len(recipe.all_views)
        used = corrupt_each(corruption, small, taken.samples, seed=seed, epoch=epoch, level=level, uses=uses)
    draws = draw(recipe, used.sat, used.meta, taken.samples, seed=seed, epoch=epoch, lends=lends)
    return Sources(taken.samples, seed, epoch, taken, used.fg, draws, draw_table.pack(draws, small.meta), {})


def _tiled_as_today(dataset: Dataset) -> bool:
    """Whether a data set's backgrounds were tiled by today's algorithm."""
    made = dataset.manifest.identity["options"].get("background_version", 1)
    return bool(made == BACKGROUND_VERSIONS["tiled"])


def tiles_anew(dataset: Dataset, options: LoaderOptions) -> bool:
    """Whether a loader makes tiled backgrounds anew instead of decoding the stored ones.

    By itself it does where that gives the picture that was stored, but for the noise of its JPEG: views are
    rendered on the CPU, and the backgrounds are tiled, in today's way, and stored in the photos' size.

    Args:
        dataset: of the loader.
        options: of the loader: `tile` and `operators` are read.

    Raises:
        UsageError: `tile` is asked for where backgrounds are no tiled ones, or with `operators`.
    """
    made = dataset.manifest.identity["options"]
    possible = made.get("background") == "tiled" and not options.operators
    if options.tile is None:
        return possible and not made.get("background_side", 0) and _tiled_as_today(dataset)
    if options.tile and not possible:
        raise UsageError(
            "tile=True is for tiled backgrounds and for views rendered on the CPU",
            where=f"backgrounds: {made.get('background')}",
            arguments=[("tile", False)],
        )
    return options.tile
