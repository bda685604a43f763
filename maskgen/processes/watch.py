"""What a process is busy with and where its time goes, in memory that the supervising process can read."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, MutableSequence

STAGES: tuple[str, ...] = ("decode", "method", "background", "encode", "write")
_INDEX, _SINCE, _DONE, _TAKEN, _SAVED, _KEPT = range(6)
SLOTS = 6
IDLE = (-1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
"""A fresh watch's slots."""


class Watch:
    """One worker's current image, its finished images, and the seconds of each stage.

    Args:
        slots: SLOTS doubles: the image's index in the shard (-1 when none), the time it was taken up, and of
            the shard's images how many are finished, how many were taken up, how many a later attempt would
            find finished, and how many this one has found so.
    """

    def __init__(self, slots: MutableSequence[float]) -> None:
        self._slots = slots
        self.seconds = dict.fromkeys(STAGES, 0.0)

    def begin_shard(self) -> None:
        """Idle, nothing finished, all stages at zero."""
        self._slots[_INDEX] = -1.0
        for place in (_DONE, _TAKEN, _SAVED, _KEPT):
            self._slots[place] = 0.0
        self.seconds = dict.fromkeys(STAGES, 0.0)

    @contextlib.contextmanager
    def image(self, index: int) -> Iterator[None]:
        """Work on one image: a crash or a hang inside is this image's."""
        self._slots[_SINCE] = time.monotonic()
        self._slots[_INDEX] = float(index)
        self._slots[_TAKEN] = max(self._slots[_TAKEN], index + 1.0)
        try:
            yield
        finally:
            self._slots[_INDEX] = -1.0

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Count the time inside to a stage of STAGES."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] += time.perf_counter() - started

    def finished(self, count: int) -> None:
        """Say how many images of the shard are in the tar or in quarantine."""
        self._slots[_DONE] = float(count)

    def saved(self) -> None:
        """Say that one more image would be found finished by a later attempt."""
        self._slots[_SAVED] += 1.0

    def kept(self) -> None:
        """Say that one more image was found finished by an earlier attempt."""
        self._slots[_KEPT] += 1.0

    @property
    def kept_count(self) -> int:
        """Images of the shard that an earlier attempt had finished."""
        return int(self._slots[_KEPT])


def busy_image(slots: MutableSequence[float]) -> int | None:
    """Index of the image that a worker is on, or None."""
    return int(slots[_INDEX]) if slots[_INDEX] >= 0 else None


def busy_for(slots: MutableSequence[float], now: float) -> float:
    """Seconds that a worker has been on its image."""
    return now - slots[_SINCE] if slots[_INDEX] >= 0 else 0.0


def finished_images(slots: MutableSequence[float]) -> int:
    """Images of the running shard that are done."""
    return int(slots[_DONE])


def kept_images(slots: MutableSequence[float]) -> int:
    """Images of the running shard that an earlier attempt had finished."""
    return int(slots[_KEPT])


def saved_images(slots: MutableSequence[float]) -> int:
    """Images of the running shard that a later attempt would find finished."""
    return int(slots[_SAVED])


def unsaved_images(slots: MutableSequence[float]) -> int:
    """Images of the running shard that were taken up, and that a later attempt would take up again."""
    return int(slots[_TAKEN] - slots[_SAVED])
