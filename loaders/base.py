"""Epochs of batches: where a loader stands, what begins the next epoch, and how its state is kept."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from maskgen.errors import UsageError
from maskgen.shards import naming

from .batch import Batch
from .dataset.dataset import Dataset
from .dataset.open import as_dataset
from .options import LoaderOptions, as_whole
from .order.schedule import Schedule
from .order.shuffle import Order
from .order.state import LoaderState
from .reading.samples import SampleReader
from .recipes.lookup import as_recipe
from .recipes.spec import Recipe, View


class Ordered(Protocol):
    """A data set, as far as epochs go."""

    @property
    def fingerprint(self) -> str:
        """Of all that decides which sample has which number."""
        ...

    @property
    def samples(self) -> int:
        """How many there are."""
        ...

    def order(self, seed: int, epoch: int) -> Order:
        """The order of an epoch."""
        ...


class Counting(Protocol):
    """A reader, as far as epochs go."""

    @property
    def skipped(self) -> int:
        """Samples found broken so far."""
        ...

    def close(self) -> None:
        """Close the files."""


Data = TypeVar("Data", bound=Ordered)
Reader = TypeVar("Reader", bound=Counting)


class EpochLoader(ABC, Generic[Data, Reader]):
    """What `DaliLoader`, `TorchLoader` and `PhotoLoader` share.

    Args:
        dataset: what is shown.
        reader: of it.
        batch_size: images per batch and rank.
        recipe: what to make of each image.
        seed: of the order and of all draws.
        options: the ranks' share of an epoch, and how batches are made.

    Raises:
        UsageError: an option is out of range.
    """

    def __init__(
        self,
        dataset: Data,
        reader: Reader,
        batch_size: int,
        *,
        recipe: Recipe,
        seed: int,
        options: LoaderOptions,
    ) -> None:
        batch_size, seed = as_whole("batch_size", batch_size), as_whole("seed", seed)
        self.recipe, self.dataset, self.reader = recipe, dataset, reader
        self._schedule = Schedule(self.dataset.samples, batch_size, options.rank, options.world, options.last)
        self._options = options
        self._seed, self._epoch, self._step = seed, 0, 0
        self._begun = self._taken = False
        self._busy = False  # stays so when a KeyboardInterrupt strikes
        self._turn = 0

    @abstractmethod
    def _restart(self, steps: range, *, interrupted: bool) -> None:
        """Drop what is on its way, wait for what is being made, and go on with these steps of the epoch.

        Args:
            steps: from the one that `_batch` is asked for next to the epoch's last; none at the end.
            interrupted: whether the call before was, at any point.
        """

    @abstractmethod
    def _batch(self, step: int) -> Batch:
        """The batch of a step, the one behind that of the call before."""

    def __len__(self) -> int:
        """Steps of an epoch, on every rank."""
        return self._schedule.steps

    @property
    def skipped(self) -> int:
        """Damaged samples found so far; `reader.broken` says which, and why."""
        return self.reader.skipped

    def set_epoch(self, epoch: int) -> None:
        """The next iteration is this epoch from its beginning.

        It begins where it was left if that state was just loaded.

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
        """Let the next iteration go on exactly where `state_dict` was taken, by either kind of loader.

        The number of ranks may differ if the global batch size is the same or divides the old one.

        Raises:
            UsageError: the state is of another data set or order, or stands between two global batches of
                this size.
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
        if self._begun and self._taken:  # one that gave nothing, as Lightning's first, begins no new epoch
            self._epoch, self._step = self._epoch + 1, 0
        self._begun, self._taken = True, False
        self._turn += 1
        self._go_on(range(self._step, len(self)))
        return _Iteration(self, self._turn)

    def close(self) -> None:
        """End the iteration, wait for what is in flight and close the files.

        A new iteration opens them again.
        """
        self._turn += 1
        self._go_on(range(0))
        self.reader.close()

    def _go_on(self, steps: range) -> None:
        interrupted, self._busy = self._busy, True
        self._restart(steps, interrupted=interrupted)
        self._busy = False

    def _next(self, turn: int) -> Batch:
        if turn != self._turn or self._step >= len(self):
            raise StopIteration
        if self._busy:
            raise UsageError("the iteration was interrupted", remedy="begin a new one")
        self._busy = True
        try:
            batch = self._batch(self._step)
        except Exception:
            self._step, self._taken, self._busy = self._step + 1, True, False  # an error costs one batch
            raise
        self._step, self._taken, self._busy = self._step + 1, True, False
        return batch


def open_shards(
    dataset: Dataset | str | Path, recipe: Recipe | Sequence[View] | str, options: LoaderOptions
) -> tuple[Dataset, SampleReader, Recipe]:
    """What a loader of shards works on.

    Args:
        dataset: from `open_dataset`, or the folder that it would open.
        recipe: what to make of each image: a name in `RECIPES`, a recipe, or a sequence of views.
        options: of the loader.

    Raises:
        UsageError: the data set lacks a member, or the confidence in its masks, that the recipe needs.
    """
    made, opened = as_recipe(recipe), as_dataset(dataset)
    _check_confidence(made, opened)
    backgrounds = (naming.BACKGROUND,) if made.needs_backgrounds else ()
    return opened, SampleReader(opened, (naming.PHOTO, *backgrounds), on_error=options.on_error), made


def _check_confidence(recipe: Recipe, dataset: Dataset) -> None:
    version = dataset.manifest.format
    if recipe.min_confidence > 0 and version < naming.CONFIDENCE_SINCE:
        raise UsageError(
            f"the recipe asks for masks of a confidence of at least {recipe.min_confidence:g}, "
            "and this data set has no confidences",
            where=dataset.where,
            cause=f"it is of shard format {version}; they are stored since format {naming.CONFIDENCE_SINCE}",
            remedy="leave min_confidence out, or make the shards anew with maskgen run",
        )


class _Iteration:
    """One epoch, or the rest of one; it outlives errors."""

    def __init__(self, loader: EpochLoader[Any, Any], turn: int) -> None:
        self._loader = loader
        self._turn = turn

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        return self._loader._next(self._turn)
