"""Which shard goes to which node: pulled as nodes ask, given again when a node is lost."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from maskgen.processes.supervisor import dying_workers

from ..shard.make import ShardJob

AHEAD_S = 1.0
"""Work that a node holds beyond its workers: it covers the time to the next visit, twice over."""
ATTEMPTS = 4
"""Nodes that a shard may take down without getting one image further."""


@dataclass
class _Hold:
    """What one node has.

    Args:
        workers: its processes.
        since: when it joined, seconds.
        jobs: given and not finished, by the shard's number.
        finished: images done of those under way, by the shard's number.
        done: shards it has finished.
    """

    workers: int
    since: float
    jobs: dict[int, ShardJob] = field(default_factory=dict)
    finished: dict[int, int] = field(default_factory=dict)
    done: int = 0


class Schedule:
    """The shards that wait, and what each node holds. It asks no clock: times come in.

    Args:
        jobs: the shards, in the order in which they are given out.
    """

    def __init__(self, jobs: Iterable[ShardJob]) -> None:
        self._queue = deque(jobs)
        self._nodes: dict[str, _Hold] = {}
        self._losses: dict[int, tuple[int, int]] = {}

    @property
    def left(self) -> int:
        """Shards that are not finished, those that nodes hold included."""
        return len(self._queue) + sum(len(node.jobs) for node in self._nodes.values())

    def add(self, jobs: Iterable[ShardJob]) -> None:
        """Put shards behind those that wait."""
        self._queue.extend(jobs)

    def holds(self, node: str) -> int:
        """How many shards a node holds."""
        return len(self._nodes[node].jobs)

    def join(self, node: str, workers: int, now: float) -> None:
        """A node is there, with so many workers."""
        self._nodes[node] = _Hold(workers, now)

    def leave(self, node: str) -> int:
        """A node is gone: what it held is given to others, first of all.

        Returns:
            How many shards it held.

        Raises:
            EnvironmentFault: a shard has taken several nodes down at the same image.
        """
        lost = self._nodes.pop(node)
        self._queue.extendleft(reversed(lost.jobs.values()))
        for number, finished in lost.finished.items():
            count, furthest = self._losses.get(number, (0, -1))
            self._losses[number] = (1, finished) if finished > furthest else (count + 1, furthest)
            if self._losses[number][0] >= ATTEMPTS:
                name = lost.jobs[number].name
                raise dying_workers(f"{ATTEMPTS} nodes were lost at the same photo of a shard", name)
        return len(lost.jobs)

    def give(self, node: str, now: float) -> list[ShardJob]:
        """The shards that a node gets now: enough for its workers, and for `AHEAD_S` of its pace beyond.

        Near the end nothing lies ahead on one node while workers of another are idle.
        """
        one = self._nodes[node]
        pace = one.done / max(now - one.since, 1.0)
        spare = len(self._queue) // (2 * len(self._nodes))
        ahead = min(int(pace * AHEAD_S), spare)
        count = min(one.workers + ahead - len(one.jobs), len(self._queue))
        given = [self._queue.popleft() for _ in range(count)]
        one.jobs.update((job.number, job) for job in given)
        return given

    def report(self, node: str, done: Iterable[int], finished: Mapping[int, int]) -> None:
        """A node says what it has finished, and how far the shards under way are."""
        one = self._nodes[node]
        for number in done:
            one.done += one.jobs.pop(number, None) is not None
            self._losses.pop(number, None)
        one.finished = {number: count for number, count in finished.items() if number in one.jobs}
