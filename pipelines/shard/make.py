"""One shard from its planned images to its commit, one image at a time."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from maskgen.errors import MaskgenError
from maskgen.processes.watch import Watch
from maskgen.shards.commit import ShardWriter
from maskgen.shards.destination import InPlace, Target
from maskgen.shards.kept import KeptSamples, open_kept
from maskgen.shards.plan import PlannedImage, shard_rows
from maskgen.shards.record import Record
from maskgen.shards.sample import Encoded

from ..model.client import RemoteNetwork, Reply
from ..model.slots import CHUNK, IN_FLIGHT, Slot
from .stages import Decoded, Quarantined, Stages

_HOPELESS = 20  # as many method errors in a row: the method is broken, not the images


@dataclass(frozen=True, slots=True)
class ShardJob:
    """What a worker needs to make one shard.

    Args:
        output: the folder that the run works in, the data set's own if it is local.
        number: the shard's number in the plan.
        name: its stem.
        members: extensions of every sample.
        fingerprint: of the run.
        known_bad: images known to kill or hang a worker, index in the shard -> reason.
        target: what becomes of the finished shard.
        rows_digest: that the plan has of the shard's rows; empty: they are not compared.
    """

    output: Path
    number: int
    name: str
    members: tuple[str, ...]
    fingerprint: str
    known_bad: dict[int, str] = field(default_factory=dict)
    target: Target = field(default_factory=InPlace)
    rows_digest: str = ""

    def read_rows(self) -> list[PlannedImage]:
        """The shard's planned images.

        Raises:
            ShardFault: the plan's table is damaged, or another's.
            EnvironmentFault: it is in an object store that cannot be reached or refuses.
        """
        return shard_rows(self.target.rows(self.output), self.number, self.rows_digest)


@dataclass(frozen=True, slots=True)
class ShardResult:
    """A committed shard, whether this worker made it, and what that took.

    Args:
        number: the shard's number in the plan.
        record: its commit record.
        made: whether this worker made it.
        seconds: wall seconds of each stage.
        changed: photos that are not what they were when the shard was made before, or when an attempt that
            was broken off took them up.
        kept: samples that an attempt which was broken off had finished.
        resized: masks that were given, and had another size than their photos.
    """

    number: int
    record: Record
    made: bool
    seconds: dict[str, float]
    changed: tuple[str, ...] = ()
    kept: int = 0
    resized: int = 0


Finished: TypeAlias = tuple[Encoded, str] | Quarantined
Numbered: TypeAlias = Iterable[tuple[int, PlannedImage]]


def make_shard(job: ShardJob, images: list[PlannedImage], stages: Stages, watch: Watch) -> ShardResult:
    """Make and commit one shard.

    Raises:
        MaskgenError: the disk is full, the shard exists with other content, or the method fails on
            everything.
    """
    watch.begin_shard()
    failures_in_row = 0
    resized = stages.resized
    stages.expect(images)
    with (
        open_kept(job.output, job.name, job.fingerprint) as kept,
        ShardWriter(job.output, job.name, job.members, job.fingerprint) as writer,
    ):
        for count, result in enumerate(_kept_first(job, images, kept, stages, watch), 1):
            with watch.stage("write"):
                if isinstance(result, Quarantined):
                    writer.quarantine(result.sample, result.error, result.sha256)
                    failures_in_row = failures_in_row + 1 if result.error.startswith("method-error") else 0
                else:
                    writer.add(result[0], images[count - 1].sample.label, result[1])
                    watch.saved()
                    failures_in_row = 0
            if failures_in_row >= _HOPELESS and isinstance(result, Quarantined):
                raise MaskgenError(
                    f"the method failed on {failures_in_row} images in a row",
                    cause=result.error,
                    remedy="run again with --method mr to see whether the photos or the method are at fault",
                )
            watch.finished(count)
        with watch.stage("write"):
            record, made = writer.commit()
            job.target.publish(job.output, record)
    changed = tuple(dict.fromkeys((*kept.changed, *writer.changed)))
    resized = stages.resized - resized
    return ShardResult(job.number, record, made, watch.seconds, changed, watch.kept_count, resized)


def try_image(job: ShardJob, index: int, images: list[PlannedImage], stages: Stages, watch: Watch) -> None:
    """Run one image through all stages and forget the result: does it kill the process?"""
    watch.begin_shard()
    for _ in _finished(job, [(index, images[index])], stages, watch):
        pass


def _kept_first(
    job: ShardJob, images: list[PlannedImage], kept: KeptSamples, stages: Stages, watch: Watch
) -> Iterator[Finished]:
    """The images in plan order; samples that an earlier attempt finished from the same source are copied."""
    numbered = list(enumerate(images))
    rest = max((index + 1 for index, image in numbered if image.sample.key in kept), default=0)
    for index, image in numbered[:rest]:
        with watch.image(index), watch.stage("decode"):
            sample = None if index in job.known_bad else kept.read(image.sample, job.members)
            is_same = sample is not None and stages.has_source(image, sample[1])
        if sample and is_same:
            watch.kept()
            yield sample
        else:
            if sample:
                kept.changed.append(image.sample.path)
            yield from _finished(job, [(index, image)], stages, watch)
    yield from _finished(job, numbered[rest:], stages, watch)


def _finished(job: ShardJob, images: Numbered, stages: Stages, watch: Watch) -> Iterator[Finished]:
    """The images in plan order, through all stages."""
    if stages.remote is None:
        return _one_by_one(job, images, stages, watch)
    return _in_chunks(job, images, stages, watch, stages.remote)


def _decode(
    job: ShardJob, index: int, image: PlannedImage, stages: Stages, watch: Watch
) -> Decoded | Quarantined:
    if index in job.known_bad:
        return Quarantined(image.sample, job.known_bad[index])
    with watch.stage("decode"):
        return stages.decode(image)


def _one_by_one(job: ShardJob, images: Numbered, stages: Stages, watch: Watch) -> Iterator[Finished]:
    """Everything in this process: one thread per core wastes nothing on waiting or switching."""
    for index, image in images:
        with watch.image(index):
            photo = _decode(job, index, image, stages, watch)
            with watch.stage("method"):
                masked = stages.mask(photo)
            finished = stages.finish(masked, watch)
        yield finished


def _in_chunks(
    job: ShardJob, images: Numbered, stages: Stages, watch: Watch, remote: RemoteNetwork
) -> Iterator[Finished]:
    """The network runs in another process.

    Several chunks of prepared photos are with it while more are decoded.
    """
    waiting: deque[tuple[list[tuple[int, Decoded | Quarantined]], Reply]] = deque()
    stream = iter(images)
    while True:
        chunk = list(islice(stream, CHUNK))
        if chunk:
            slot = remote.free_slot()
            photos = _prepare(job, chunk, stages, watch, slot)
            waiting.append((photos, remote.submit(slot, len(chunk))))
        if not waiting:
            return
        if chunk and len(waiting) < IN_FLIGHT:
            continue
        decoded, reply = waiting.popleft()
        with watch.stage("method"):
            maps = reply.wait()
        for place, (index, photo) in enumerate(decoded):
            with watch.image(index):
                with watch.stage("method"):
                    masked = stages.mask_from(photo, maps[place])
                finished = stages.finish(masked, watch)
            yield finished


def _prepare(
    job: ShardJob, chunk: list[tuple[int, PlannedImage]], stages: Stages, watch: Watch, slot: Slot
) -> list[tuple[int, Decoded | Quarantined]]:
    """Decode a chunk and write the network's inputs into a slot."""
    photos: list[tuple[int, Decoded | Quarantined]] = []
    for place, (index, image) in enumerate(chunk):
        with watch.image(index):
            photo = _decode(job, index, image, stages, watch)
            with watch.stage("method"):
                photos.append((index, stages.prepare(photo, slot.pixels[place])))
    return photos
