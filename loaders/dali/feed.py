"""What a graph is fed for one batch: the arrays of its sources under the names of its inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.shards.coverage import FG_SIDE

from ..pixels import draw_table
from ..pixels.draw_table import DrawTable
from ..pixels.sources import SourceReader, Sources
from ..recipes.spec import Recipe
from ..sampling.view_draws import DONOR
from .graph import DONORS, DRAWS, MASK, PHOTO, SHOWN, donor_input

_NO_PICTURE = np.zeros(1, np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """One batch on its way through a graph.

    Args:
        sources: of the batch.
        inputs: by name of the graph's input; the graph reads these arrays, so they must live until it is
            done.
        by_photo: the negatives come in the order of their photos, see `draw_table.by_photo`.
    """

    sources: Sources
    inputs: dict[str, Any]
    by_photo: bool


class Feeder:
    """Makes the feed of any batch.

    Args:
        source: reads and draws the batches.
        operators: feed the graph of operators.
    """

    def __init__(self, source: SourceReader, *, operators: bool) -> None:
        self.source = source
        self.operators = operators

    @property
    def recipe(self) -> Recipe:
        """What is made of each image."""
        return self.source.recipe

    def make(self, wanted: NDArray[np.int64], seed: int, epoch: int) -> Feed:
        """The feed of one batch of at least one sample.

        Args:
            wanted: (B,) int64, the samples that the order asks for.
            seed: of the draws.
            epoch: of the draws.

        Raises:
            BrokenSample: a sample is damaged, and the reader's `on_error` is ``raise``.
            ShardFault: no whole sample was found in place of a broken one.
            EnvironmentFault: the files cannot be read for a reason outside them.
        """
        sources = self.source.read(wanted, seed, epoch)
        inputs = self._inputs(sources.table, sources.photos, sources.masks, sources.backgrounds)
        return Feed(sources, inputs, self.operators)

    def blank(self, jpeg: NDArray[np.uint8]) -> dict[str, Any]:
        """Inputs of one row that shows a JPEG, (n,) uint8 of the encoded bytes, and no background."""
        table = draw_table.blank(1, len(self.recipe.all_views))
        each = () if self.recipe.corruption is None else (table.shape[1],)
        return self._inputs(table, [jpeg], np.zeros((1, *each, FG_SIDE, FG_SIDE), np.uint8), {})

    def _inputs(
        self,
        table: DrawTable,
        photos: list[NDArray[np.uint8]],
        masks: NDArray[np.uint8],
        backgrounds: dict[int, NDArray[np.uint8]],
    ) -> dict[str, Any]:
        fed = draw_table.by_photo(table) if self.operators else table
        inputs: dict[str, Any] = {PHOTO: photos, DRAWS: draw_table.as_floats(fed)}
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
                donors = np.where(fed[:, view]["kind"] == DONOR, fed[:, view]["donor"], -1)
                inputs[donor_input(view)] = [backgrounds.get(int(row), _NO_PICTURE) for row in donors]
        return inputs
