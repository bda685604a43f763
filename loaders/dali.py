"""Batches of views through DALI."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.loaders.batch import Batch
from maskgen.loaders.order import LoaderState, Order, Schedule
from maskgen.loaders.samples import SampleReader
from maskgen.loaders.torch_loader import DTYPES
from maskgen.loaders.views import Recipe, View
from maskgen.shards import naming

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from maskgen.loaders.dataset import Dataset
    from maskgen.loaders.finish import Finish
    from maskgen.loaders.stream import Stream

DEVICES = ("cpu", "gpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a `DaliLoader` makes its batches; see there.

    Raises:
        UsageError: a value out of its range.
    """

    device: str
    threads: int
    prefetch: int
    output: str
    channels_last: bool
    operators: bool
    tile: bool

    def __post_init__(self) -> None:
        numbers = self.threads >= 1 and self.prefetch >= 1
        if not numbers or self.device not in DEVICES or self.output not in DTYPES:
            raise UsageError(
                f"DaliLoader(device={self.device!r}, threads={self.threads}, prefetch={self.prefetch}, "
                f"output={self.output!r}) is out of range",
                remedy=f"device cpu or gpu, threads and prefetch from 1, output one of {', '.join(DTYPES)}",
            )

    def check(self, dataset: Dataset) -> None:
        """Refuse what the data set cannot give.

        Raises:
            UsageError: `tile` without tiled backgrounds, or with DALI's operators.
        """
        made = dataset.manifest.identity["options"].get("background")
        if self.tile and (made != "tiled" or self.operators):
            raise UsageError(
                "DaliLoader(tile=True) is for tiled backgrounds and for the CPU's own graph",
                where=f"backgrounds: {made}",
                remedy="tile=False",
            )


class DaliLoader:
    """Shuffled epochs of batches of views, made by DALI.

    ``for batch in loader`` is one epoch. What a batch holds is a function of (seed, epoch, step, rank, world) alone, and
    all ranks make the same number of steps. An error costs one batch at most: the next call of ``next`` goes on
    behind it. Beginning an iteration ends an earlier one, and begins the next epoch; after `set_epoch` or
    `load_state_dict` it begins where they say. Not for use by two threads at once.

    Args:
        dataset: from `open_dataset`.
        batch_size: images per batch and rank.
        recipe: what to make of each image, or a sequence of views.
        seed: of the order and of all draws.
        device: ``cpu``, or ``gpu`` to decode and compute on torch's current GPU and to hand out GPU tensors.
        threads: CPU threads of DALI and of its graph.
        rank: 0..world-1.
        world: ranks that share each epoch.
        last: ``drop``, ``pad`` or ``partial``, see `Schedule`.
        on_error: ``raise``, or ``skip`` to put other samples in the place of damaged ones.
        prefetch: batches in flight in DALI; as many more are read ahead.
        output: ``uint8``, or ``float32``, ``float16`` or ``bfloat16`` normalised with ImageNet's mean and deviation.
        channels_last: pictures in torch's channels-last memory format; on a CPU this saves a little time.
        operators: on a CPU, use DALI's own operators as on a GPU, which takes several times as long.
        tile: with DALI's decoder on a CPU, repeat the photo's own strip over its foreground where a background of
            another photo is shown, as ``--background tiled`` did, instead of decoding the stored one: the same
            picture but for the stored one's JPEG noise.

    Raises:
        EnvironmentFault: DALI or torch is not installed.
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
        operators: bool = False,
        tile: bool = False,
    ) -> None:
        self._options = Options(
            device=device, threads=threads, prefetch=prefetch, output=output, channels_last=channels_last,
            operators=operators or device == "gpu", tile=tile,
        )  # fmt: skip
        self.dataset = dataset
        self.recipe = recipe if isinstance(recipe, Recipe) else Recipe(views=tuple(recipe))
        self._schedule = Schedule(dataset.samples, batch_size, rank, world, last)
        backgrounds = (naming.BACKGROUND,) if self.recipe.needs_backgrounds else ()
        self.reader = SampleReader(dataset, (naming.PHOTO, *backgrounds), on_error=on_error)
        self._options.check(dataset)
        _require_dali()
        self._seed, self._epoch, self._step = seed, 0, 0
        self._begun, self._taken, self._turn = False, False, 0
        self._stream, self._finish = self._open()

    def _open(self) -> tuple[Stream, Finish]:
        from maskgen.loaders.finish import Finish
        from maskgen.loaders.stream import open_stream

        stream = open_stream(self.reader, self.recipe, self._schedule.batch_size, self._options)
        return stream, Finish(self.recipe, self.dataset, self._options)

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
        self._begun = self._taken = False

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch stands, counted in batches handed out; plain numbers and strings."""
        order = self.dataset.order(self._seed, self._epoch)
        done = self._schedule.samples_after(self._step)
        return LoaderState(self._seed, self._epoch, done, self.dataset.fingerprint, order.name).to_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Let the next iteration go on exactly where `state_dict` was taken.

        The number of ranks may differ if the global batch size is the same or divides the old one.

        Raises:
            UsageError: the state is of another data set or order, or stands between two global batches of this size.
        """
        loaded = LoaderState.from_dict(state)
        loaded.check(self.dataset.fingerprint, self.dataset.order(loaded.seed, loaded.epoch).name)
        step = self._schedule.step_after(loaded.samples_done)
        self._seed, self._epoch, self._step = loaded.seed, loaded.epoch, step
        if step == len(self):
            self._epoch, self._step = loaded.epoch + 1, 0
        self._begun = self._taken = False
        self._turn += 1

    def __iter__(self) -> Iterator[Batch]:
        """Begin an iteration, and end an earlier one."""
        if (
            self._begun and self._taken
        ):  # an iteration that gave nothing, as Lightning's first, begins no new epoch
            self._epoch, self._step = self._epoch + 1, 0
        self._begun, self._taken = True, False
        order = self.dataset.order(self._seed, self._epoch)
        self._stream.begin(_requests(self._schedule, order, (self._seed, self._epoch), self._step))
        self._turn += 1
        return _Iteration(self, self._turn)

    def close(self) -> None:
        """End the iteration, wait for what is in flight and close the files; a new iteration opens them again."""
        self._turn += 1
        self._stream.begin(iter(()))
        self.reader.close()

    def _next(self, turn: int) -> Batch:
        if turn != self._turn or self._step >= len(self):
            raise StopIteration
        self._step += 1
        self._taken = True
        if not self._schedule.positions(self._step - 1).size:
            return self._finish.nothing()
        feed, outputs = next(self._stream)
        return self._finish(feed, outputs)


def _requests(
    schedule: Schedule, order: Order, stream: tuple[int, int], step: int
) -> Iterator[tuple[NDArray[np.int64], int, int]]:
    """The samples of this rank's batches from a step on, with seed and epoch; a rank may have none at the last one."""
    for later in range(step, schedule.steps):
        samples = schedule.batch(order, later)
        if samples.size:
            yield samples, *stream


class _Iteration:
    """One epoch, or the rest of one; it outlives errors."""

    def __init__(self, loader: DaliLoader, turn: int) -> None:
        self._loader = loader
        self._turn = turn

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        return self._loader._next(self._turn)


def _require_dali() -> None:
    try:
        import nvidia.dali  # noqa: F401
        import torch  # noqa: F401
    except ImportError as error:
        raise EnvironmentFault(
            "the loader needs DALI and torch",
            where=str(error),
            remedy='pip install "maskgen[train]" (Linux), take TorchLoader, or read the masks with MaskReader',
        ) from error
