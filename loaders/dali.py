"""Batches of views through DALI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from maskgen.errors import EnvironmentFault, ShardFault, UsageError
from maskgen.loaders.views import OUTPUTS, READER
from maskgen.shards import naming
from maskgen.shards.coverage import META_FIELDS

if TYPE_CHECKING:
    from torch import Tensor

    from maskgen.loaders.dataset import Dataset
    from maskgen.loaders.views import View

DEVICES = ("cpu", "gpu")
_LABEL = META_FIELDS.index("label")


class Batch(TypedDict):
    """One batch: views of B images, B as asked except in the last batch of an epoch, which may be smaller.

    Keys:
        image: (B, 3, S, S) uint8 RGB.
        mask: (B, 1, S, S) uint8, 255 where the view shows foreground, 0 elsewhere.
        box: (B, 4) float32 on the CPU, the crop (y0, x0, height, width) relative to the photo.
        label: (B,) int64 on the CPU, -1 without a single label.
        removed: (B,) bool on the CPU, whether the background was replaced by grey.
        key: the B samples' keys.
    """

    image: Tensor
    mask: Tensor
    box: Tensor
    label: Tensor
    removed: Tensor
    key: list[str]


class DaliLoader:
    """Shuffled epochs of batches; each sample exactly once per epoch.

    ``for batch in loader`` is one epoch; the same seed gives the same batches on the same device. The order is
    drawn within a buffer, and the order of the shards anew in each epoch. Leaving an epoch before its end makes
    the next one start from a new pipeline with an order of its own.

    Args:
        dataset: from `open_dataset`.
        batch_size: images per batch.
        view: what to make of each image.
        seed: of the order, the crops and the coins, 0 or above.
        device: ``cpu``, or ``gpu`` to decode, resize and compose on the GPU and to hand out GPU tensors.
        threads: CPU threads of DALI.
        shuffle_buffer: samples among which the next one is drawn.

    Raises:
        EnvironmentFault: DALI or torch is not installed.
        UsageError: the data set has no photos (layout `sidecar`) or no samples, or an option is out of range.
    """

    def __init__(
        self,
        dataset: Dataset,
        batch_size: int,
        *,
        view: View,
        seed: int,
        device: str = "cpu",
        threads: int = 2,
        shuffle_buffer: int = 4096,
    ) -> None:
        _check(dataset, batch_size, seed, device, threads)
        _require_dali()
        from maskgen.loaders import graph

        self.dataset = dataset
        self.batch_size = batch_size
        gpu = device == "gpu"
        self._build = partial(
            graph.build, dataset, batch_size, view, gpu=gpu, threads=threads, shuffle_buffer=shuffle_buffer
        )
        self._seed = seed
        self._restarts = -1
        self._epoch = 0
        self._open = False
        self._restart()

    def __len__(self) -> int:
        """Batches per epoch."""
        return (self.dataset.samples + self.batch_size - 1) // self.batch_size

    def __iter__(self) -> Iterator[Batch]:
        """Begin an epoch; an iterator of an earlier one ends."""
        if self._open:
            self._restart()
        self._epoch += 1
        return _Epoch(self, self._epoch)

    def _restart(self) -> None:
        self._restarts += 1
        seed = int(np.random.SeedSequence([self._seed, self._restarts]).generate_state(1)[0])
        self._pipeline: Any = None  # the old one gives its memory back first
        self._pipeline = self._build(seed=seed)
        self._open = False
        found = self._pipeline.reader_meta(READER)["epoch_size"]
        if found != self.dataset.samples:
            raise ShardFault(
                f"DALI sees {found} samples, the manifest counts {self.dataset.samples}",
                where=str(self.dataset.path),
                cause="the data set was changed after it was opened",
                remedy="open it again",
            )

    def _batch(self, epoch: int, step: int) -> Batch:
        """Batch `step` of `epoch`; a batch that fails is spent, and the next call goes on behind it."""
        if epoch != self._epoch or step == len(self):
            raise StopIteration
        self._open = step + 1 < len(self)
        try:
            outputs = dict(zip(OUTPUTS, self._pipeline.run(), strict=True))
        except RuntimeError as error:
            fault = _as_fault(error, str(self.dataset.path))
            if fault is None:
                raise
            raise fault from error
        return _to_batch(outputs, min(self.batch_size, self.dataset.samples - step * self.batch_size))


class _Epoch:
    """Iterator over one epoch; after an error, `next` gives the batch behind the bad one."""

    def __init__(self, loader: DaliLoader, epoch: int) -> None:
        self._loader = loader
        self._epoch = epoch
        self._step = -1

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        self._step = min(self._step + 1, len(self._loader))
        return self._loader._batch(self._epoch, self._step)


def _check(dataset: Dataset, batch_size: int, seed: int, device: str, threads: int) -> None:
    place = str(dataset.path)
    if naming.PHOTO not in dataset.members:
        raise UsageError(
            "the shards hold no photos (layout sidecar), and this loader cannot join them with others yet",
            where=place,
            remedy="make them with --layout full, or read the masks with MaskReader",
        )
    if not dataset.samples:
        raise UsageError(
            "the data set has no samples", where=place, remedy="maskgen status lists the failures"
        )
    if batch_size < 1 or threads < 1 or seed < 0 or device not in DEVICES:
        raise UsageError(
            f"DaliLoader(batch_size={batch_size}, seed={seed}, device={device!r}, threads={threads}) is out of range",
            remedy="sizes and threads from 1, the seed from 0, device cpu or gpu",
        )


def _require_dali() -> None:
    try:
        import nvidia.dali  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise EnvironmentFault(
            "the loader needs DALI and torch",
            where=str(error),
            remedy='pip install "maskgen[train]" (Linux), or read the masks with MaskReader',
        ) from error


_MEMBER = re.compile(r"([^\s/]+\.tar):(\d+):([A-Za-z0-9_.-]+)")


def _as_fault(error: RuntimeError, folder: str) -> ShardFault | None:
    """DALI's decoding error as one of ours, with the member where DALI names it; None for any other error."""
    if "decoders.image" not in str(error):
        return None
    found = _MEMBER.search(str(error))
    return ShardFault(
        "a photo cannot be decoded, and its batch is lost",
        where="{0} {2} at byte {1}".format(*found.groups()) if found else folder,
        cause="damage after the shard was made",
        remedy="maskgen verify --full names every damaged sample; next() goes on behind this batch",
    )


def _to_batch(outputs: dict[str, Any], count: int) -> Batch:
    """Copies of DALI's buffers, which it fills again, without the padding of the last batch."""
    from torch.utils.dlpack import from_dlpack

    def tensor(name: str) -> Tensor:
        shared: Tensor = from_dlpack(outputs[name].as_tensor())
        return shared[:count].clone()

    sources = [np.asarray(outputs["source"].at(i)).tobytes().decode() for i in range(count)]
    return Batch(
        image=tensor("image"),
        mask=tensor("mask"),
        box=tensor("box"),
        label=tensor("meta")[:, _LABEL].long(),
        removed=tensor("removed").bool(),
        key=[source.rpartition(":")[2].partition(".")[0] for source in sources],
    )
