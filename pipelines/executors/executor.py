"""The one loop that makes shards, on one machine or many: step, tell, stop, break off, close."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from maskgen.processes.signals import interrupted

from ..shard.make import ShardJob, ShardResult

GRACE_S = 15.0  # after a signal: time to finish shards; with the kill and the sweep it stays below 20 s
_TICK_S = 0.25


@dataclass(frozen=True, slots=True)
class State:
    """What is under way.

    Args:
        shards: that are being made.
        finished: images of them that are done.
        kept: of those, how many earlier attempts had made.
        saved: images of them that a later attempt would find finished.
        unsaved: images of them that were taken up, and that a later attempt would take up again.
        workers: processes that make shards, or could.
        device_use: share of the time that each device has been busy.
        node_rates: images per second by node; empty where there are no nodes.
    """

    shards: int = 0
    finished: int = 0
    kept: int = 0
    saved: int = 0
    unsaved: int = 0
    workers: int = 0
    device_use: dict[str, float] = field(default_factory=dict)
    node_rates: dict[str, float] = field(default_factory=dict)


class Team(Protocol):
    """Who makes the shards."""

    @property
    def left(self) -> int:
        """Shards that are not committed, those under way included."""
        ...

    def take(self, jobs: list[ShardJob]) -> None:
        """Put shards behind those that wait.

        Raises:
            EnvironmentFault: the team cannot be brought together.
        """
        ...

    def step(self, *, begin: bool) -> Iterator[ShardResult]:
        """Wait up to half a second for shards that get committed; replace what has died.

        Args:
            begin: whether shards that wait may be begun.

        Raises:
            MaskgenError: an error that no other image would survive.
        """
        ...

    def state(self) -> State:
        """What is under way."""
        ...

    def close(self) -> None:
        """End everything; shards under way are dropped, and what they had finished is kept."""
        ...


@dataclass
class Executor:
    """Has a team make shards.

    Args:
        team: makes them; its own from here on, closed at the end.
        tick: told a few times a second what is under way, and at the end.
        stop: asked on every step; 0 go on, 1 finish the running shards, 2 drop them now.
    """

    team: Team
    tick: Callable[[State], None] = lambda _: None
    stop: Callable[[], int] = lambda: 0

    def run(self, jobs: list[ShardJob]) -> Iterator[ShardResult]:
        """Yield each shard as it is committed, in any order.

        Raises:
            Interrupted: `stop` said so; committed shards stay, and what others had finished is kept.
            MaskgenError: a worker met an error that no other image would survive.
        """
        deadline: float | None = None
        told = 0.0
        try:
            self.team.take(jobs)
            while self.team.left:
                order = self.stop()
                if order:
                    deadline = deadline or time.monotonic() + GRACE_S
                    if order > 1 or time.monotonic() > deadline or not self.team.state().shards:
                        raise interrupted(self._break_off())
                yield from self.team.step(begin=not order)
                if time.monotonic() - told > _TICK_S:
                    self.tick(self.team.state())
                    told = time.monotonic()
            if jobs:
                self.tick(self.team.state())
        finally:
            self.team.close()

    def _break_off(self) -> str:
        """Drop what runs; what is lost by that, as a sentence."""
        state, left = self.team.state(), self.team.left
        self.team.close()
        if not state.shards:
            return f"no shard under way, nothing is lost; still to be made: {left}" if left else ""
        return (
            f"shards under way: {state.shards}, their photos that are finished and kept: {state.saved}, "
            f"to be made again: {state.unsaved}"
        )
