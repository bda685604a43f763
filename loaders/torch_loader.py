"""Batches of views through torch alone: the reference of `DaliLoader`, and the fallback where DALI cannot run."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.loaders.batch import Batch
from maskgen.loaders.corruption import corrupt
from maskgen.loaders.draws import BatchDraws, draw
from maskgen.loaders.order import LoaderState, Schedule
from maskgen.loaders.pictures import Pictures
from maskgen.loaders.rows import Taken
from maskgen.loaders.samples import BrokenSample, SampleReader
from maskgen.loaders.views import Recipe, View
from maskgen.shards import naming
from maskgen.shards.coverage import META_FIELDS

if TYPE_CHECKING:
    from torch import Tensor

    from maskgen.loaders.dataset import Dataset
    from maskgen.loaders.reference import Made

DTYPES = ("uint8", "float32", "float16", "bfloat16")
DEVICES = ("cpu", "gpu")
_LABEL = META_FIELDS.index("label")


class TorchLoader:
    """The arguments, epochs and batches of `DaliLoader`, with views made by `reference` in threads.

    Where DALI reads the photo around a crop for the view's outermost pixels (on a GPU, or with `operators`), this
    one does not, as the papers' crops do not; elsewhere the values differ by rounding.

    Args:
        dataset: from `open_dataset`.
        batch_size: images per batch and rank.
        recipe: what to make of each image, or a sequence of views.
        seed: of the order and of all draws.
        device: ``cpu``, or ``gpu`` to hand out tensors on torch's current GPU; views are made on the CPU.
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
        _check(device=device, threads=threads, prefetch=prefetch, output=output)
        self.dataset = dataset
        self.recipe = recipe if isinstance(recipe, Recipe) else Recipe(views=tuple(recipe))
        self._schedule = Schedule(dataset.samples, batch_size, rank, world, last)
        backgrounds = (naming.BACKGROUND,) if self.recipe.needs_backgrounds else ()
        self.reader = SampleReader(dataset, (naming.PHOTO, *backgrounds), on_error=on_error)
        _require_torch(device)
        self._device, self._output, self._channels_last = device, output, channels_last
        self._seed, self._epoch, self._step = seed, 0, 0
        self._begun = self._taken = False
        self._turn: object = None
        self._prefetch = prefetch
        self._rows = ThreadPoolExecutor(threads, thread_name_prefix="maskgen-views")
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="maskgen-batches")
        self._waiting: deque[Future[Batch]] = deque()

    def __len__(self) -> int:
        """Steps of an epoch, on every rank."""
        return self._schedule.steps

    @property
    def skipped(self) -> int:
        """Damaged samples found so far; `reader.broken` says which, and why."""
        return self.reader.skipped

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is this epoch from its beginning; from where it was left if that was just loaded.

        Raises:
            UsageError: `epoch` is below 0.
        """
        if epoch < 0:
            raise UsageError(f"set_epoch({epoch}) is out of range", remedy="epochs count from 0")
        if (self._begun and self._taken) or epoch != self._epoch:
            self._epoch, self._step = epoch, 0
        self._begun = False

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch stands, counted in batches handed out; plain numbers and strings."""
        order = self.dataset.order(self._seed, self._epoch)
        done = self._schedule.samples_after(self._step)
        return LoaderState(self._seed, self._epoch, done, self.dataset.fingerprint, order.name).to_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration go on exactly where `state_dict` was taken, of this loader or a `DaliLoader`.

        Raises:
            UsageError: the state is of another data set or order, or stands between two global batches of this size.
        """
        loaded = LoaderState.from_dict(state)
        loaded.check(self.dataset.fingerprint, self.dataset.order(loaded.seed, loaded.epoch).name)
        step = self._schedule.step_after(loaded.samples_done)
        self._seed, self._epoch, self._step = loaded.seed, loaded.epoch, step
        if step == len(self):
            self._epoch, self._step = loaded.epoch + 1, 0
        self._begun, self._turn = False, None

    def __iter__(self) -> Iterator[Batch]:
        """Begin an iteration, and end an earlier one."""
        if (
            self._begun and self._taken
        ):  # an iteration that gave nothing, as Lightning's first, begins no new epoch
            self._epoch, self._step = self._epoch + 1, 0
        self._begun, self._taken = True, False
        self._drop()
        self._turn = turn = _Iteration(self)
        return turn

    def close(self) -> None:
        """End the iteration and close the files; a new iteration opens them again."""
        self._turn = None
        self._drop()
        self.reader.close()

    def _drop(self) -> None:
        while self._waiting:
            future = self._waiting.pop()
            if not future.cancel():
                future.exception()  # wait for it

    def _next(self, turn: object) -> Batch:
        if turn is not self._turn or self._step >= len(self):
            raise StopIteration
        ahead = range(self._step + len(self._waiting), min(self._step + self._prefetch + 1, len(self)))
        for step in ahead:
            self._waiting.append(self._ahead.submit(self.make, self._epoch, step))
        self._step += 1
        self._taken = True
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
            return self._batch(rows, taken, draws)

    def _batch(self, rows: list[list[Made]], taken: Taken, draws: BatchDraws) -> Batch:
        import torch

        columns = [list(column) for column in zip(*rows, strict=True)]
        swapped = self.recipe.negative is not None
        negative = self._stacked([made.view for made in columns.pop()]) if swapped else None
        of = draws.views
        return Batch(
            views=tuple(self._pictures([made.view for made in column]) for column in columns),
            masks=_some([self._stacked([made.mask for made in column]) for column in columns]),
            cam_masks=_some([self._stacked([made.cam_mask for made in column]) for column in columns]),
            weak=_some([self._finished(self._stacked([made.weak for made in column])) for column in columns]),
            masked=_some(
                [self._finished(self._stacked([made.masked for made in column])) for column in columns]
            ),
            boxes=torch.from_numpy(np.stack([view.box for view in of], axis=1)),
            flips=torch.from_numpy(np.stack([view.flip for view in of], axis=1)),
            replaced=torch.from_numpy(np.stack([view.kind for view in of], axis=1)),
            negative=self._finished(negative),
            negative_source=torch.from_numpy(draws.negative_source.astype(np.int64)) if swapped else None,
            matched=torch.from_numpy(draws.matched) if swapped else None,
            label=torch.from_numpy(taken.small.meta[:, _LABEL].astype(np.int64)),
            key=self.dataset.keys(taken.samples),
            sample=torch.from_numpy(taken.samples),
        )

    def _pictures(self, parts: list[Tensor]) -> Tensor:
        import torch

        pictures = self._finished(torch.stack(parts).to(self._target))
        assert pictures is not None  # noqa: S101 - tells mypy
        return pictures

    def _stacked(self, parts: Sequence[Tensor | None]) -> Tensor | None:
        import torch

        found = [part for part in parts if part is not None]
        return torch.stack(found).to(self._target) if found else None

    def _finished(self, pictures: Tensor | None) -> Tensor | None:
        import torch

        if pictures is None:
            return None
        if self._output != "uint8":
            pictures = normalised(pictures, getattr(torch, self._output))
        return pictures.contiguous(memory_format=torch.channels_last) if self._channels_last else pictures

    @property
    def _target(self) -> str:
        return "cuda" if self._device == "gpu" else "cpu"


class _Iteration:
    """One epoch, or the rest of one; it outlives errors."""

    def __init__(self, loader: TorchLoader) -> None:
        self._loader = loader

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        return self._loader._next(self)


def normalised(pictures: Tensor, dtype: Any) -> Tensor:
    """(B, 3, S, S) uint8 as a float type, less ImageNet's mean and over its deviation."""
    import torch

    mean = torch.tensor((0.485, 0.456, 0.406), device=pictures.device)[:, None, None] * 255
    deviation = torch.tensor((0.229, 0.224, 0.225), device=pictures.device)[:, None, None] * 255
    return ((pictures.float() - mean) / deviation).to(dtype)


def _some(parts: list[Tensor | None]) -> tuple[Tensor | None, ...] | None:
    return None if all(part is None for part in parts) else tuple(parts)


def _check(*, device: str, threads: int, prefetch: int, output: str) -> None:
    if threads < 1 or prefetch < 1 or device not in DEVICES or output not in DTYPES:
        raise UsageError(
            f"TorchLoader(device={device!r}, threads={threads}, prefetch={prefetch}, output={output!r}) is out of "
            "range",
            remedy=f"device cpu or gpu, threads and prefetch from 1, output one of {', '.join(DTYPES)}",
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
    if device == "gpu" and not torch.cuda.is_available():
        raise EnvironmentFault("torch sees no GPU", remedy='device="cpu"')
