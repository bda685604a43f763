"""One shard from its planned images to its commit, with decode and encode running beside the method."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, MutableSequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from maskgen.errors import MaskgenError
from maskgen.pipelines.stages import Decoded, Masked, Quarantined, Stages
from maskgen.shards.commit import ShardWriter
from maskgen.shards.plan import PlannedImage
from maskgen.shards.record import Record
from maskgen.shards.sample import Encoded

LANES = ("decode", "method", "encode")
DONE = 2 * len(LANES)  # slot of the count of finished images
SLOTS = DONE + 1
_AHEAD = 3  # images decoded before the method needs them, and samples waiting for the encoder
_HOPELESS = 20  # as many method errors in a row: the method is broken, not the images

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ShardJob:
    """What a worker needs to make one shard.

    Args:
        output: the data set's folder.
        number: the shard's number in the plan.
        name: its stem.
        members: extensions of every sample.
        fingerprint: of the run.
        convicted: images known to kill or hang a worker, index in the shard -> reason.
        serial: run one image at a time, so that a crash names its image.
    """

    output: Path
    number: int
    name: str
    members: tuple[str, ...]
    fingerprint: str
    convicted: dict[int, str] = field(default_factory=dict)
    serial: bool = False


@dataclass(frozen=True, slots=True)
class ShardResult:
    """A committed shard, whether this worker made it, and the CPU-wall seconds of each lane."""

    number: int
    record: Record
    made: bool
    seconds: dict[str, float]


class Lanes:
    """Which image each stage is busy with, in memory that the supervising process can read.

    Args:
        slots: SLOTS doubles: per lane the image's index (-1 when idle) and the time it started, then the
            number of finished images.
    """

    def __init__(self, slots: MutableSequence[float]) -> None:
        self._slots = slots
        self.seconds = dict.fromkeys(LANES, 0.0)
        self.reset()

    def reset(self) -> None:
        """All lanes idle, nothing finished."""
        for lane in range(len(LANES)):
            self._slots[2 * lane] = -1.0
        self._slots[DONE] = 0.0

    def run(self, lane: int, index: int, work: Callable[[], T]) -> T:
        """Do the work of one stage on one image, visibly."""
        started = time.monotonic()
        self._slots[2 * lane + 1] = started
        self._slots[2 * lane] = float(index)
        try:
            return work()
        finally:
            self._slots[2 * lane] = -1.0
            self.seconds[LANES[lane]] += time.monotonic() - started

    def finished(self, count: int) -> None:
        """Say how many images of the shard are in the tar or in quarantine."""
        self._slots[DONE] = float(count)


def make_shard(job: ShardJob, images: list[PlannedImage], stages: Stages, lanes: Lanes) -> ShardResult:
    """Make and commit one shard.

    Raises:
        MaskgenError: the disk is full, the shard exists with other content, or the method fails on everything.
    """
    lanes.reset()
    lanes.seconds = dict.fromkeys(LANES, 0.0)
    failures_in_row = 0
    with ShardWriter(job.output, job.name, job.members, job.fingerprint) as writer:
        ordered = (
            _serial(job, enumerate(images), stages, lanes)
            if job.serial
            else _overlapped(job, images, stages, lanes)
        )
        for count, result in enumerate(ordered, 1):
            if isinstance(result, Quarantined):
                writer.quarantine(result.sample, result.error, result.sha256)
                failures_in_row = failures_in_row + 1 if result.error.startswith("method-error") else 0
            else:
                writer.add(result[0], images[count - 1].sample.label, result[1])
                failures_in_row = 0
            if failures_in_row >= _HOPELESS and isinstance(result, Quarantined):
                raise MaskgenError(
                    f"the method failed on {failures_in_row} images in a row", cause=result.error
                )
            lanes.finished(count)
        record, made = writer.commit()
    return ShardResult(job.number, record, made, lanes.seconds)


Finished = tuple[Encoded, str] | Quarantined


def _decode(job: ShardJob, index: int, image: PlannedImage, stages: Stages) -> Decoded | Quarantined:
    if index in job.convicted:
        return Quarantined(image.sample, job.convicted[index])
    return stages.decode(image)


def _serial(
    job: ShardJob, images: Iterable[tuple[int, PlannedImage]], stages: Stages, lanes: Lanes
) -> Iterator[Finished]:
    for index, image in images:
        photo = lanes.run(0, index, partial(_decode, job, index, image, stages))
        masked = lanes.run(1, index, partial(stages.mask, photo))
        yield lanes.run(2, index, partial(stages.finish, masked))


def _overlapped(
    job: ShardJob, images: list[PlannedImage], stages: Stages, lanes: Lanes
) -> Iterator[Finished]:
    """Decode a few images ahead in one thread, encode behind in another; results in plan order."""
    photos: deque[Future[Decoded | Quarantined]] = deque()
    finished: deque[Future[Finished]] = deque()

    def decode(index: int) -> Decoded | Quarantined:
        return lanes.run(0, index, partial(_decode, job, index, images[index], stages))

    def finish(index: int, masked: Masked | Quarantined) -> Finished:
        return lanes.run(2, index, partial(stages.finish, masked))

    with ThreadPoolExecutor(1, "decode") as ahead, ThreadPoolExecutor(1, "encode") as behind:
        submitted = 0
        for index in range(len(images)):
            while submitted < min(index + _AHEAD, len(images)):
                photos.append(ahead.submit(decode, submitted))
                submitted += 1
            photo = photos.popleft().result()
            masked = lanes.run(1, index, partial(stages.mask, photo))
            finished.append(behind.submit(finish, index, masked))
            if len(finished) > _AHEAD:
                yield finished.popleft().result()
        while finished:
            yield finished.popleft().result()


def try_image(job: ShardJob, index: int, images: list[PlannedImage], stages: Stages, lanes: Lanes) -> None:
    """Run one image through all stages and forget the result: does it kill the process?"""
    lanes.reset()
    for _ in _serial(job, [(index, images[index])], stages, lanes):
        pass
