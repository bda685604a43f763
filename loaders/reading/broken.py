"""Broken samples: the error that names one, and which other samples stand in for those found so far."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ShardFault, UsageError

from ..dataset.shard import COPY_AGAIN
from ..order.permutation import mix64

ON_ERROR = ("raise", "skip")
TRIES = 100
"""Substitutes tried for one sample before the data set is given up."""


class BrokenSample(ShardFault):
    """A sample whose bytes are not what the shards' tables promise.

    Args:
        what: see `MaskgenError`.
        where: tar, member and offset.
        cause: the likely cause.
        sample: its number in the data set.
        remedy: what to do next, beside `on_error`.
    """

    def __init__(self, what: str, *, where: str, cause: str, sample: int, remedy: str = COPY_AGAIN) -> None:
        super().__init__(what, where=where, cause=cause, remedy=remedy, arguments=[("on_error", "skip")])
        self.sample = sample

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (self.what, self.where, self.cause, self.sample, self._words))


def _rebuild(what: str, where: str, cause: str, sample: int, remedy: str) -> BrokenSample:
    return BrokenSample(what, where=where, cause=cause, sample=sample, remedy=remedy)


class Substitutes:
    """Which samples are known to be broken, and which others are read instead.

    The substitute of a sample is a function of its number and of which samples are known to be broken, so
    epochs stay reproducible.

    Args:
        samples: of the data set.
        where: the data set, for errors.
        on_error: ``raise``, or ``skip``.

    Raises:
        UsageError: `on_error` is neither.

    Example:
        >>> substitutes = Substitutes(1000, where="shards", on_error="skip")
        >>> substitutes.mark_broken(BrokenSample("cut short", where="a.tar", cause="truncation", sample=7))
        >>> 7 in substitutes.known_bad, 7 in substitutes.substitute_broken(np.array([6, 7, 8]))
        (True, False)
    """

    def __init__(self, samples: int, *, where: str, on_error: str) -> None:
        if on_error not in ON_ERROR:
            raise UsageError(
                f"on_error={on_error!r} is out of range",
                arguments=[("on_error", choice) for choice in ON_ERROR],
            )
        self.on_error = on_error
        self.known_bad: dict[int, str] = {}
        self._samples = samples
        self._where = where

    def mark_broken(self, fault: BrokenSample) -> None:
        """Take note of a broken sample, so that it is replaced from now on.

        Raises:
            BrokenSample: `fault` itself, with ``on_error="raise"``.
        """
        if self.on_error == "raise":
            raise fault
        self.known_bad.setdefault(fault.sample, str(fault))

    def substitute_broken(self, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """A copy of (B,) int64 samples in which those known to be broken are replaced.

        Raises:
            ShardFault: a hundred substitutes of one sample are broken too.
        """
        result = np.array(samples, np.int64)
        if self.known_bad:
            for row, sample in enumerate(result.tolist()):
                if sample in self.known_bad:
                    result[row] = self._substitute(sample)
        return result

    def _substitute(self, sample: int) -> int:
        tries = np.arange(1, TRIES + 1, dtype=np.uint64) + (np.uint64(sample) << np.uint64(16))
        for candidate in (mix64(tries) % np.uint64(self._samples)).tolist():
            if candidate not in self.known_bad:
                return int(candidate)
        raise ShardFault(
            f"no whole sample was found in place of a broken one ({len(self.known_bad)} are broken so far)",
            where=self._where,
            cause=self.known_bad[sample],
            remedy=COPY_AGAIN,
        )
