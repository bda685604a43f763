"""Batches of views of photos without masks, by the other loaders' renderer, draws and epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from maskgen.errors import UsageError

from ..base import EpochLoader
from ..batch import Batch
from ..dataset.photo_set import PhotoSet
from ..options import LoaderOptions
from ..pixels.sources import draw_sources
from ..prefetch import StepsAhead
from ..reading.photos import PhotoReader
from ..recipes.lookup import as_recipe
from ..recipes.spec import Recipe, View
from .loader import require_torch

if TYPE_CHECKING:
    from ..pixels.outputs import BatchMaker
    from ..pixels.render import Renderer

_LEVEL = 128  # of masks that there are none of


class PhotoLoader(EpochLoader[PhotoSet, PhotoReader]):
    """Epochs and batches of `TorchLoader` from photos alone, for recipes that need no masks.

    Shards of the same photos in the same order give the same batches, as far as they hold the same pixels.

    Args:
        photos: which.
        batch_size: images per batch and rank.
        recipe: what to make of each image: a name in `RECIPES`, a recipe, or a sequence of views.
        seed: of the order and of all draws.
        options: of the loader; `operators` and `tile` are for shards.

    Raises:
        EnvironmentFault: torch or torchvision is not installed, or torch sees no GPU.
        UsageError: an option is out of range, or the recipe needs masks.
    """

    def __init__(
        self,
        photos: PhotoSet,
        batch_size: int,
        *,
        recipe: Recipe | Sequence[View] | str,
        seed: int = 0,
        options: LoaderOptions | None = None,
    ) -> None:
        options = replace(options or LoaderOptions(), operators=False, tile=None)
        made = as_recipe(recipe)
        check_unmasked(made, photos.where)
        reader = PhotoReader(photos, on_error=options.on_error)
        super().__init__(photos, reader, batch_size, recipe=made, seed=seed, options=options)
        require_torch(options.device)
        self._renderer, self._maker = self._open()
        self._decoders = ThreadPoolExecutor(options.threads, thread_name_prefix="maskgen-decode")
        self._ahead = StepsAhead[Callable[[], Batch]]("maskgen-batches", options.prefetch)

    def _open(self) -> tuple[Renderer, BatchMaker]:
        from ..pixels.outputs import BatchMaker
        from ..pixels.render import Renderer

        options = self._options
        renderer = Renderer(
            self.recipe, _LEVEL, threads=options.threads, channels_last=options.channels_last, reuse=False
        )
        return renderer, BatchMaker(self.recipe, options)

    def _restart(self, steps: range, *, interrupted: bool) -> None:  # noqa: ARG002 - it is whole at any time
        self._ahead.restart(partial(self._begin, self._epoch, step) for step in steps)

    def _batch(self, step: int) -> Batch:  # noqa: ARG002 - they come in order
        return self._ahead.next()()

    def make(self, epoch: int, step: int) -> Batch:
        """One batch of this rank: a function of (seed, epoch, step) and of which photos are damaged.

        Raises:
            BrokenSample: a photo is damaged, and `on_error` is ``raise``.
            ShardFault: no whole photo was found in place of a damaged one.
        """
        return self._begin(epoch, step)()

    def _begin(self, epoch: int, step: int) -> Callable[[], Batch]:
        """That batch, as far as it can be made ahead."""
        from .upload import begin_batch

        wanted = self._schedule.batch(self.dataset.order(self._seed, epoch), step)
        if not wanted.size:
            return self._maker.nothing
        taken, photos = self.reader.take(wanted, self._decoders.map)
        sources = draw_sources(self.recipe, taken, seed=self._seed, epoch=epoch, level=_LEVEL)
        arrays = self._renderer.render(photos, sources.table, None, None)
        return begin_batch(self._maker, sources, arrays, self._options.device)


def check_unmasked(recipe: Recipe, where: str) -> None:
    """Refuse a recipe that looks at masks.

    Args:
        recipe: of the views.
        where: the photos lie.

    Raises:
        UsageError: it does.
    """
    crops = [view.crop for view in recipe.views]
    asked = {
        "it shows or changes foregrounds or backgrounds": recipe.needs_masks or recipe.needs_backgrounds,
        "it corrupts masks": recipe.corruption is not None,
        "its crops are chosen by the foreground": any(
            crop.fg_min > 0 or crop.center == "foreground" or crop.rule == "phi" for crop in crops
        ),
    }
    for cause, found in asked.items():
        if found:
            raise UsageError(
                "the recipe needs masks, and these are photos without any",
                where=where,
                cause=cause,
                remedy="make shards of the photos with maskgen run, or take a recipe that needs no masks",
            )
