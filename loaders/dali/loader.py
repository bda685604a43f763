"""Batches of views through DALI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from maskgen.errors import EnvironmentFault

from ..base import EpochLoader, open_shards
from ..batch import Batch
from ..dataset.dataset import Dataset
from ..options import LoaderOptions
from ..pixels.sources import tiles_anew
from ..reading.samples import SampleReader
from ..recipes.spec import Recipe, View
from .lent import Lent, mark_stream

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..order.schedule import Schedule
    from ..order.shuffle import Order
    from ..pixels.outputs import BatchMaker
    from .stream import Stream


class DaliLoader(EpochLoader[Dataset, SampleReader]):
    """Shuffled epochs of batches of views, made by DALI.

    ``for batch in loader`` is one epoch. What a batch holds is a function of (seed, epoch, step, rank, world)
    alone, and all ranks make the same number of steps. An error costs one batch at most: the next call of
    ``next`` goes on behind it. Beginning an iteration ends an earlier one, and begins the next epoch; after
    `set_epoch` or `load_state_dict` it begins where they say. Not for use by two threads at once.

    Args:
        dataset: from `open_dataset`, or the folder that it would open.
        batch_size: images per batch and rank.
        recipe: what to make of each image: a name in `RECIPES`, a recipe, or a sequence of views.
        seed: of the order and of all draws.
        device: ``cpu``, or ``cuda`` to decode and compute on torch's current GPU and to hand out its tensors.
        threads: CPU threads of DALI and of its graph.
        rank: 0..world-1.
        world: ranks that share each epoch.
        last: ``drop``, ``pad`` or ``partial``, see `Schedule`.
        on_error: ``raise``, or ``skip`` to put other samples in the place of damaged ones.
        prefetch: batches in flight in DALI; as many more are read ahead.
        output: ``uint8``, or ``float32``, ``float16`` or ``bfloat16`` normalized with ImageNet's mean and
            deviation.
        channels_last: pictures in torch's channels-last memory format; on a CPU this saves a little time.
        operators: on a CPU, use DALI's own operators as on a GPU, which takes several times as long.
        tile: repeat the photo's own strip over its foreground where a background of another photo is shown,
            as ``--background tiled`` did, instead of decoding the stored one: the same picture but for the
            stored one's JPEG noise. None: wherever that is so, see `pixels.sources.tiles_anew`.

    Raises:
        EnvironmentFault: DALI or torch is not installed.
        UsageError: an option is out of range, or the data set lacks a member that the recipe needs.
    """

    def __init__(
        self,
        dataset: Dataset | str | Path,
        batch_size: int,
        *,
        recipe: Recipe | Sequence[View] | str,
        seed: int = 0,
        device: str = "cpu",
        threads: int = 2,
        rank: int = 0,
        world: int = 1,
        last: str = "drop",
        on_error: str = "raise",
        prefetch: int = 2,
        output: str = "uint8",
        channels_last: bool = False,
        operators: bool = False,
        tile: bool | None = None,
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
            operators=operators or device == "cuda",
            tile=tile,
        )
        opened, reader, made = open_shards(dataset, recipe, options)
        super().__init__(opened, reader, batch_size, recipe=made, seed=seed, options=options)
        tiles_anew(self.dataset, options)  # before anything is opened
        _require_dali()
        self._lent = Lent(mark_stream) if device == "cuda" else None
        self._stream, self._maker = self._open()

    def _open(self) -> tuple[Stream, BatchMaker]:
        from ..pixels.outputs import BatchMaker
        from .stream import open_stream

        stream = open_stream(self.reader, self.recipe, self._schedule.batch_size, self._options)
        return stream, BatchMaker(self.recipe, self._options)

    def _restart(self, steps: range, *, interrupted: bool) -> None:
        order = self.dataset.order(self._seed, self._epoch)
        self._stream.begin(
            _requests(self._schedule, order, (self._seed, self._epoch), steps), anew=interrupted
        )

    def _batch(self, step: int) -> Batch:
        if not self._schedule.positions(step).size:
            return self._maker.nothing()
        from torch.utils.dlpack import from_dlpack

        feed, outputs = next(self._stream)
        if self._lent is not None:
            self._lent.lend(outputs)
        tensors = [from_dlpack(part.as_tensor()) for part in outputs]
        return self._maker.batch(feed.sources, tensors, by_photo=feed.by_photo)


def _requests(
    schedule: Schedule, order: Order, stream: tuple[int, int], steps: range
) -> Iterator[tuple[NDArray[np.int64], int, int]]:
    """The samples of this rank's batches, with seed and epoch; a rank may have none at the last one."""
    for step in steps:
        samples = schedule.batch(order, step)
        if samples.size:
            yield samples, *stream


def _require_dali() -> None:
    try:
        import nvidia.dali  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise EnvironmentFault(
            "the loader needs DALI and torch",
            where=str(error),
            remedy='pip install "maskgen[train]" (Linux), TorchLoader, or MaskReader for masks alone',
        ) from error
