"""How far a training is, for whoever shows it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one step is.

    Args:
        step: its name, as ``train``.
        detail: what it is at, as ``rbd round 2 of 3``.
        done: finished units of the step.
        total: all of them.
        unit: what they are: ``photos`` or ``epochs``.
        left_s: seconds to the step's end, from the pace so far; None before there is one.
        facts: more for people, as ``loss .412``.
    """

    step: str
    detail: str
    done: int
    total: int
    unit: str
    left_s: float | None
    facts: str = ""


Report = Callable[[Progress], None]


@dataclass
class Pace:
    """Measures the pace of a step and reports it.

    Args:
        step: its name.
        unit: of its work.
        total: units in all.
        report: told after each unit.
        done: units that were there already, which say nothing about the pace.
    """

    step: str
    unit: str
    total: int
    report: Report
    done: int = 0
    started: float = field(default_factory=time.monotonic)
    fresh: int = 0

    def add(self, count: int = 1, detail: str = "", facts: str = "") -> None:
        """Count finished units, and report."""
        self.done += count
        self.fresh += count
        each = (time.monotonic() - self.started) / max(1, self.fresh)
        left = each * (self.total - self.done)
        self.report(Progress(self.step, detail, self.done, self.total, self.unit, left, facts))

    def begin(self, detail: str = "") -> None:
        """Report before the first unit is finished."""
        self.report(Progress(self.step, detail, self.done, self.total, self.unit, None))
