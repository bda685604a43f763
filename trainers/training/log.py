"""What a run says while it works.

A line on stdout, a line of JSON in metrics.jsonl, TensorBoard if asked for.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import isfinite
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from maskgen.errors import EnvironmentFault
from maskgen.io.atomic import disk_errors, write_atomic
from maskgen.loaders.batch import Batch
from maskgen.loaders.recipes.spec import Recipe

FILE = "metrics.jsonl"
COLLAPSED_BELOW = 0.02
"""A spread below this is a collapse. A random ResNet's is about 0.1, a trained one's 0.5 and more."""
_ALARM_AFTER = 3
_FORMATS = {"epoch": ".2f", "lr": ".4g", "images_s": ".0f", "wait": ".0%"}

Record = dict[str, Any]


@torch.no_grad()
def spread(features: Tensor) -> float:
    """How far (B, D) features of B > 1 images lie apart, 0 (all alike: collapsed) to 1.

    The standard deviation of the features at length 1, over images, as the root of its sum of squares over
    channels; sqrt(D) times SimSiam's measure (Chen and He 2021, section 4.1).
    """
    rows = torch.nn.functional.normalize(features.float(), dim=1)
    return float(rows.var(dim=0, unbiased=False).sum().sqrt())


class CollapseAlarm:
    """Says so once, when the spread was too small several times in a row."""

    def __init__(self) -> None:
        self._low = 0

    def observe(self, value: float) -> bool:
        """Whether this value is the one to warn about."""
        self._low = self._low + 1 if value < COLLAPSED_BELOW else 0
        return self._low == _ALARM_AFTER


class Stopwatch:
    """Images per second, and the share of time that was spent waiting for data, since the last reading."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._begin()

    def _begin(self) -> None:
        self._start, self._waited, self._images = self._clock(), 0.0, 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """What happens inside counts as waiting for data."""
        before = self._clock()
        try:
            yield
        finally:
            self._waited += self._clock() - before

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside does not count at all: evaluation, checkpoints."""
        before = self._clock()
        try:
            yield
        finally:
            self._start += self._clock() - before

    def add(self, images: int) -> None:
        """Count images of a finished step."""
        self._images += images

    def read(self) -> dict[str, float]:
        """``images_s`` and ``wait`` (0 to 1) since the last reading."""
        passed = max(self._clock() - self._start, 1e-9)
        found = {"images_s": self._images / passed, "wait": min(self._waited / passed, 1.0)}
        self._begin()
        return found


class ReplacedShare:
    """The shares of views on another background, and skipped, since the last reading.

    Both are of the views that a recipe may replace. A view is skipped where its background was to be replaced
    and was kept: no foreground, too little of it, or too unsure.

    Args:
        recipe: of the loader.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._views = [number for number, view in enumerate(recipe.views) if view.background.p > 0]
        self._replaced = self._skipped = self._seen = 0

    def add(self, batch: Batch) -> None:
        """Count the views of one batch."""
        kinds = batch["replaced"][:, self._views]
        self._replaced += int(kinds.count_nonzero())
        self._skipped += int(batch["skipped"][:, self._views].count_nonzero())
        self._seen += kinds.numel()

    def read(self) -> dict[str, float]:
        """``replaced`` and ``skipped_views``, on this rank; nothing for a recipe that replaces none."""
        counts = {"replaced": self._replaced, "skipped_views": self._skipped}
        found = {name: count / self._seen for name, count in counts.items()} if self._seen else {}
        self._replaced = self._skipped = self._seen = 0
        return found


class MetricLog:
    """Writes records of numbers by name.

    Args:
        folder: holds metrics.jsonl; lines behind `step` are dropped first, they belong to steps that will be
            repeated.
        step: from which the run goes on.
        tensorboard: also write event files into ``folder/tensorboard``.
        echo: takes the lines for people.

    Raises:
        EnvironmentFault: tensorboard is asked for and not installed, or the disk is full.
    """

    def __init__(
        self, folder: Path, *, step: int = 0, tensorboard: bool = False, echo: Callable[[str], None] = print
    ) -> None:
        self.path = folder / FILE
        self._echo = echo
        _cut(self.path, step)
        self._writer = _event_writer(folder / "tensorboard", step) if tensorboard else None

    def write(self, record: Record) -> None:
        """One record; it holds ``step``. Numbers that are not finite become null in the JSON."""
        self._append({name: _plain(value) for name, value in record.items()})
        self._echo(line(record))
        for name, value in record.items():
            if self._writer is not None and name != "step" and isinstance(value, int | float):
                self._writer.add_scalar(name, value, record["step"])

    def note(self, record: Record) -> None:
        """A record that is no measurement: where, and with what, the run begins or goes on."""
        self._append(record)
        self._echo("# " + line(record))

    def _append(self, record: Record) -> None:
        with disk_errors(self.path), self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")

    def close(self) -> None:
        """End the event file."""
        if self._writer is not None:
            self._writer.close()


def line(record: Record) -> str:
    """A record for people: ``step 50  epoch 0.50  loss 4.123  lr 0.03  images_s 812  wait 3%``."""
    return "  ".join(f"{name.replace(' ', '_')} {_shown(name, value)}" for name, value in record.items())


def _shown(name: str, value: Any) -> str:
    return format(value, _FORMATS.get(name, ".4g")) if isinstance(value, float) else str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.7g}") if isfinite(value) else None
    return value


def read(path: Path) -> list[Record]:
    """All whole records of a metrics.jsonl; a line torn by a kill is left out."""
    records = []
    for text in path.read_text(errors="replace").splitlines() if path.exists() else []:
        try:
            record = json.loads(text)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("step"), int):
            records.append(record)
    return records


def _cut(path: Path, step: int) -> None:
    if path.exists():
        kept = [record for record in read(path) if record["step"] <= step]
        write_atomic(path, "".join(json.dumps(record) + "\n" for record in kept).encode())


def _event_writer(folder: Path, step: int) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise EnvironmentFault(
            "TensorBoard is not installed",
            remedy='pip install "maskgen[tensorboard]", or leave --tensorboard out',
        ) from error
    made: Any = SummaryWriter
    return made(str(folder), purge_step=step + 1)
