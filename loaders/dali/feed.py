"""What a graph is fed for one batch: encoded pictures, masks and the plan, all read and drawn in numpy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.shards import naming
from maskgen.shards.coverage import FG_SIDE

from ..pixels import draw_table
from ..pixels.tiles import tiling
from ..reading.samples import BrokenSample, SampleReader, Small, Taken
from ..recipes.spec import Recipe
from ..sampling.corruption import corrupt
from ..sampling.draws import DONOR, BatchDraws, draw
from .graph import DONORS, MASK, PHOTO, PLAN, SHOWN, donor_input

_NO_PICTURE = np.zeros(1, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """One batch on its way through a graph.

    Args:
        wanted: (B,) int64, the samples that the order asks for.
        seed: of the draws.
        epoch: of the draws.
        taken: what was read: those samples, or their substitutes.
        draws: of the batch.
        inputs: by name of the graph's input; the graph reads these arrays, so they must live until it is done.
        backgrounds: rows whose background was read.
        by_photo: the negatives come in the order of their photos, see `plan.by_photo`.
    """

    wanted: NDArray[np.int64]
    seed: int
    epoch: int
    taken: Taken
    draws: BatchDraws
    inputs: dict[str, Any]
    backgrounds: dict[int, NDArray[np.uint8]]
    by_photo: bool


class Feeder:
    """Makes the feed of any batch: a function of (samples, seed, epoch) and of which samples are broken.

    Args:
        reader: of the data set, opened for photos, and for backgrounds where the recipe shows them.
        recipe: what is made of each image.
        operators: feed the graph of operators.
        tile: make tiled backgrounds anew instead of reading them, where that can be done.
    """

    def __init__(self, reader: SampleReader, recipe: Recipe, *, operators: bool, tile: bool = False) -> None:
        self.reader = reader
        self.recipe = recipe
        self.operators = operators
        self.tile = tile

    def make(self, wanted: NDArray[np.int64], seed: int, epoch: int) -> Feed:
        """The feed of one batch of at least one sample.

        Raises:
            BrokenSample: a sample is damaged, and the reader's `on_error` is ``raise``.
            ShardFault: no whole sample was found in place of a broken one.
            EnvironmentFault: the files cannot be read for a reason outside them.
        """
        while True:
            taken = self.reader.take(wanted, (naming.PHOTO,))
            small = self._spoilt(taken, seed, epoch)
            draws = draw(self.recipe, small.sat, small.meta, taken.samples, seed=seed, epoch=epoch)
            whole = draw_table.pack(draws, taken.small.meta)
            try:
                backgrounds = self._backgrounds(whole, taken)
            except BrokenSample as fault:
                self.reader.condemn(fault)  # raises, or the batch is made again without the sample
                continue
            inputs = self._inputs(whole, taken.encoded[naming.PHOTO], small.fg, backgrounds)
            return Feed(wanted, seed, epoch, taken, draws, inputs, backgrounds, self.operators)

    def blank(self, jpeg: NDArray[np.uint8]) -> dict[str, Any]:
        """Inputs of one row that shows a JPEG and no background."""
        whole = np.zeros((1, len(draw_table.all_views(self.recipe)), draw_table.WIDTH), np.float32)
        whole[..., draw_table.ROI] = (0, 0, 1, 1)
        whole[..., draw_table.COLOUR] = whole[..., draw_table.BG_COLOUR] = (1, 1, 1, 0)
        whole[..., draw_table.DONOR] = whole[..., draw_table.POLICY] = -1
        return self._inputs(whole, [jpeg], np.zeros((1, FG_SIDE, FG_SIDE), np.uint8), {})

    def _spoilt(self, taken: Taken, seed: int, epoch: int) -> Small:
        corruption, level = self.recipe.corruption, self.reader.dataset.level
        if corruption is None:
            return taken.small
        return corrupt(corruption, taken.small, taken.samples, seed=seed, epoch=epoch, level=level)

    def _backgrounds(self, whole: NDArray[np.float32], taken: Taken) -> dict[int, NDArray[np.uint8]]:
        """The encoded backgrounds that any view shows, by row, each read once."""
        if not self.recipe.needs_backgrounds:
            return {}
        shown = whole[..., draw_table.KIND] == DONOR
        rows = np.unique(whole[..., draw_table.DONOR][shown]).astype(int).tolist()
        found = {}
        for row in rows:
            how = tiling(taken.small.meta[row]) if self.tile else None
            if how is None:
                found[row] = self.reader.encoded(int(taken.samples[row]), naming.BACKGROUND)
            else:
                draw_table.set_tiling(
                    whole, shown & (whole[..., draw_table.DONOR] == row), how, taken.small.meta[row]
                )
        return found

    def _inputs(
        self, whole: NDArray[np.float32], photos: list[NDArray[np.uint8]], masks: NDArray[np.uint8],
        backgrounds: dict[int, NDArray[np.uint8]],
    ) -> dict[str, Any]:  # fmt: skip
        fed = draw_table.by_photo(whole) if self.operators else whole
        inputs: dict[str, Any] = {PHOTO: photos, PLAN: fed}
        if self.recipe.needs_masks:
            inputs[MASK] = masks
        if not self.recipe.needs_backgrounds:
            return inputs
        if not self.operators:
            inputs[DONORS] = [backgrounds.get(row, _NO_PICTURE) for row in range(len(fed))]
            inputs[SHOWN] = np.isin(np.arange(len(fed)), list(backgrounds))
            return inputs
        for view in range(fed.shape[1]):
            if DONOR in draw_table.kinds(self.recipe, view):
                donors = np.where(fed[:, view, draw_table.KIND] == DONOR, fed[:, view, draw_table.DONOR], -1)
                inputs[donor_input(view)] = [backgrounds.get(int(row), _NO_PICTURE) for row in donors]
        return inputs
