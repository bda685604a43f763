"""Batches of views through torch alone: the reference of `DaliLoader`, and the fallback where DALI cannot run."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from maskgen.errors import EnvironmentFault
from maskgen.shards import naming

from ..base import EpochLoader
from ..batch import Batch, some
from ..options import LoaderOptions
from ..prefetch import Job, WorkAhead
from ..reading.buffers import Taken
from ..reading.samples import BrokenSample
from ..recipes.spec import Recipe, View
from ..sampling.corruption import corrupt
from ..sampling.draws import BatchDraws, draw
from .pictures import Pictures

if TYPE_CHECKING:
    from torch import Tensor

    from ..dataset.open import Dataset
    from .reference import Made


class TorchLoader(EpochLoader):
    """The arguments, epochs and batches of `DaliLoader`, with views made by `reference` in threads.

    Where DALI reads the photo around a crop for the view's outermost pixels (on a GPU, or with `operators`), this
    one does not, as the papers' crops do not; elsewhere the values differ by rounding.

    Args:
        dataset: from `open_dataset`.
        batch_size: images per batch and rank.
        recipe: what to make of each image, or a sequence of views.
        seed: of the order and of all draws.
        device: ``cpu``, or ``cuda`` to hand out tensors on torch's current GPU; views are made on the CPU.
        threads: rows made at once.
        rank: 0..world-1.
        world: ranks that share each epoch.
        last: ``drop``, ``pad`` or ``partial``, see `Schedule`.
        on_error: ``raise``, or ``skip`` to put other samples in the place of damaged ones.
        prefetch: batches made ahead.
        output: ``uint8``, or ``float32``, ``float16`` or ``bfloat16`` normalised with ImageNet's mean and deviation.
        channels_last: pictures in torch's channels-last memory format.

    Raises:
        EnvironmentFault: torch or torchvision is not installed, or torch sees no GPU.
        UsageError: an option is out of range, or the data set lacks a member that the recipe needs.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        recipe: Recipe | Sequence[View],
        seed: int,
        device: str = "cpu",
        threads: int = 2,
        rank: int = 0,
        world: int = 1,
        last: str = "drop",
        on_error: str = "raise",
        prefetch: int = 2,
        output: str = "uint8",
        channels_last: bool = False,
    ) -> None:
        options = LoaderOptions(
            rank=rank,
            world=world,
            last=last,
            on_error=on_error,
            device=device,
            threads=threads,
            prefetch=prefetch,
            output=output,
            channels_last=channels_last,
        )
        super().__init__(dataset, batch_size, recipe=recipe, seed=seed, options=options)
        _require_torch(device)
        self._rows = ThreadPoolExecutor(threads, thread_name_prefix="maskgen-views")
        self._ahead = WorkAhead("maskgen-batches")
        self._waiting: deque[Job[Batch]] = deque()
        self._coming: Iterator[int] = iter(())

    def _restart(self, steps: range, *, interrupted: bool) -> None:  # noqa: ARG002 - it is whole at any time
        while self._waiting:
            self._waiting.pop().cancel()
        self._ahead.wait()
        self._coming = iter(steps)

    def _batch(self, step: int) -> Batch:  # noqa: ARG002 - they come in order
        for later in itertools.islice(self._coming, self._options.prefetch + 1 - len(self._waiting)):
            self._waiting.append(self._ahead.submit(partial(self.make, self._epoch, later)))
        return self._waiting.popleft().result()

    def make(self, epoch: int, step: int) -> Batch:
        """One batch of this rank: a function of (seed, epoch, step) and of which samples are broken.

        Raises:
            BrokenSample: a sample is damaged, and `on_error` is ``raise``.
            ShardFault: no whole sample was found in place of a broken one.
            EnvironmentFault: the files cannot be read for a reason outside them.
        """
        wanted = self._schedule.batch(self.dataset.order(self._seed, epoch), step)
        while True:
            taken = self.reader.take(wanted, (naming.PHOTO,))
            if self.recipe.corruption is not None:
                level, law = self.dataset.level, self.recipe.corruption
                spoilt = corrupt(law, taken.small, taken.samples, seed=self._seed, epoch=epoch, level=level)
                taken = taken._replace(small=spoilt)
            small = taken.small
            draws = draw(self.recipe, small.sat, small.meta, taken.samples, seed=self._seed, epoch=epoch)
            pictures = Pictures(self.reader, taken, draws)
            try:
                rows = list(self._rows.map(lambda row: pictures.made(self.recipe, row), range(len(wanted))))  # noqa: B023
            except BrokenSample as fault:
                self.reader.condemn(fault)  # raises, or the batch is made again without the sample
                continue
            return self._collated(rows, taken, draws)

    def _collated(self, rows: list[list[Made]], taken: Taken, draws: BatchDraws) -> Batch:
        import torch

        columns = [list(column) for column in zip(*rows, strict=True)]
        swapped = self.recipe.negative is not None
        negative = self._stacked([made.view for made in columns.pop()]) if swapped else None
        of = draws.views
        return Batch(
            views=tuple(self._pictures([made.view for made in column]) for column in columns),
            masks=some([self._stacked([made.mask for made in column]) for column in columns]),
            cam_masks=some([self._stacked([made.cam_mask for made in column]) for column in columns]),
            weak=some([self._finished(self._stacked([made.weak for made in column])) for column in columns]),
            masked=some(
                [self._finished(self._stacked([made.masked for made in column])) for column in columns]
            ),
            boxes=torch.from_numpy(np.stack([view.box for view in of], axis=1)),
            flips=torch.from_numpy(np.stack([view.flip for view in of], axis=1)),
            replaced=torch.from_numpy(np.stack([view.kind for view in of], axis=1)),
            negative=self._finished(negative),
            negative_source=torch.from_numpy(draws.negative_source.astype(np.int64)) if swapped else None,
            matched=torch.from_numpy(draws.matched) if swapped else None,
            label=torch.from_numpy(taken.small.meta["label"].astype(np.int64)),
            key=self.dataset.keys(taken.samples),
            sample=torch.from_numpy(taken.samples),
        )

    def _pictures(self, parts: list[Tensor]) -> Tensor:
        import torch

        pictures = self._finished(torch.stack(parts).to(self._options.device))
        assert pictures is not None  # noqa: S101 - tells mypy
        return pictures

    def _stacked(self, parts: Sequence[Tensor | None]) -> Tensor | None:
        import torch

        found = [part for part in parts if part is not None]
        return torch.stack(found).to(self._options.device) if found else None

    def _finished(self, pictures: Tensor | None) -> Tensor | None:
        import torch

        from ..pixels.normalize import normalise

        if pictures is None:
            return None
        if self._options.output != "uint8":
            pictures = normalise(pictures, getattr(torch, self._options.output))
        return (
            pictures.contiguous(memory_format=torch.channels_last)
            if self._options.channels_last
            else pictures
        )


def _require_torch(device: str) -> None:
    try:
        import torch
        import torchvision  # noqa: F401
    except ImportError as error:
        raise EnvironmentFault(
            "this loader needs torch and torchvision",
            where=str(error),
            remedy='pip install "maskgen[train]", or read the masks with MaskReader',
        ) from error
    if device == "cuda" and not torch.cuda.is_available():
        raise EnvironmentFault("torch sees no GPU", arguments=[("device", "cpu")])
