"""Numbers of all masks and the most extreme of them: one pass, in memory that does not grow with the set."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from ..shards.confidence import DOUBTFUL
from ..shards.coverage import SPECKS
from .sample import Sample

BINS = 20
"""Of a histogram over [0, 1]."""
LISTED = 400
"""Quarantined images that are listed one by one."""


class Ranking:
    """The few samples with the smallest values; of equal values the first ones.

    Args:
        count: how many.

    Example:
        >>> from maskgen.report.tally import Ranking
        >>> ranking = Ranking(1)
        >>> ranking.offer(0.5, 0, lambda: "half")
        >>> ranking.offer(0.25, 1, lambda: "quarter")
        >>> ranking.best()
        ['quarter']
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._worst_first: list[tuple[float, int, Sample]] = []

    def offer(self, value: float, number: int, make: Callable[[], Sample]) -> None:
        """Take a sample in if it is among the few.

        Args:
            value: by which it is ranked.
            number: of the sample, each once.
            make: called when it is.
        """
        held = self._worst_first
        if len(held) < self._count:
            heapq.heappush(held, (-value, -number, make()))
        elif (-value, -number) > held[0][:2]:
            heapq.heapreplace(held, (-value, -number, make()))

    def best(self) -> list[Sample]:
        """The samples, the smallest value first."""
        return [sample for _, _, sample in sorted(self._worst_first, key=lambda one: one[:2], reverse=True)]


@dataclass(slots=True)
class Quarantine:
    """Images that could not be used.

    Args:
        count: all of them.
        reasons: by reason.
        listed: the first ones: shard, key, path, error.
    """

    count: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    listed: list[tuple[str, str, str, str]] = field(default_factory=list)

    def add(self, shard: str, key: str, path: str, error: str) -> None:
        """Count one."""
        self.count += 1
        self.reasons[error.partition(":")[0]] += 1
        if len(self.listed) < LISTED:
            self.listed.append((shard, key, path, error))


class Tally:
    """What is counted.

    Args:
        sheet: samples of each ranking.
    """

    def __init__(self, sheet: int) -> None:
        self.samples = self.empty = self.specks = self.known = self.doubtful = 0
        self.area = self.trust = 0.0
        self.coverage, self.confidence = [0] * BINS, [0] * BINS
        self.sides = [0] * 5
        self.backgrounds: Counter[str] = Counter()
        self.quarantine = Quarantine()
        self.rankings = {name: Ranking(sheet) for name in ("emptiest", "fullest", "border", "doubtful")}

    def add(
        self, number: int, coverage: float, confidence: float | None, sides: int, make: Callable[[], Sample]
    ) -> None:
        """Count one mask.

        Args:
            number: of the sample, each once.
            coverage: share of the photo, [0, 1].
            confidence: in the mask, [0, 1], where it is known.
            sides: of the photo that it touches.
            make: the sample, where it is kept.
        """
        self.samples += 1
        self.area += coverage
        self.empty += coverage == 0
        self.specks += 0 < coverage < SPECKS
        self.coverage[_bin(coverage)] += 1
        self.sides[sides] += 1
        self.rankings["emptiest"].offer(coverage, number, make)
        self.rankings["fullest"].offer(-coverage, number, make)
        if sides:
            self.rankings["border"].offer(-(sides + coverage), number, make)
        if confidence is not None:
            self.known += 1
            self.trust += confidence
            self.doubtful += confidence < DOUBTFUL
            self.confidence[_bin(confidence)] += 1
            self.rankings["doubtful"].offer(confidence, number, make)

    @property
    def mean_coverage(self) -> float:
        """Mean share of the photo that is foreground."""
        return self.area / max(1, self.samples)

    @property
    def mean_confidence(self) -> float | None:
        """Mean of the confidences that are known."""
        return self.trust / self.known if self.known else None


def _bin(share: float) -> int:
    return min(max(int(share * BINS), 0), BINS - 1)
