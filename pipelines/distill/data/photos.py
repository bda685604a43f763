"""The first step: draw photos from the sources, decode them, bring them to the training's square.

A photo's place in the draw is a hash of the seed and its own path, so it depends neither on the order in
which a source lists its photos nor on which others are there.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.config.run_config import RunConfig, make_config
from maskgen.errors import ImageFault, UsageError
from maskgen.io.images.decode import Limits, decode
from maskgen.methods.network import resize_antialias
from maskgen.pipelines.sources import ByteReader, open_source, source_root
from maskgen.processes.supervisor import map_in_order
from maskgen.types import RGB, ByteRef

from ..progress import Pace, Report
from ..settings.settings import Settings
from ..store import rows_sha256
from ..work_folder import Facts, WorkFolder

RECORD = "photos"
ARRAY = "photos"
BATCH = 32  # photos between two commits
_SPARE = 100  # drawn beside those wanted, to stand in for broken ones; or as many as those wanted, if more
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Drawn:
    """One photo of the draw: which input it is from, its path in words, and where its bytes lie."""

    input: int
    path: str
    ref: ByteRef


@dataclass(frozen=True, slots=True)
class Draw:
    """The photos to try, best place first, and what all the inputs list."""

    photos: tuple[Drawn, ...]
    source: Facts
    notes: tuple[str, ...]


def configs(inputs: Sequence[str], dataset: str, split: str) -> list[RunConfig]:
    """One source configuration per input."""
    places = [""] if dataset == "sample" else list(inputs)
    return [
        make_config({"dataset": dataset, "input": place, "output": "-", "split": split}) for place in places
    ]


def draw(sources: Sequence[RunConfig], seed: int, wanted: int) -> Draw:
    """List the sources and draw photos without replacement.

    Args:
        sources: one per input.
        seed: of the draw.
        wanted: how many photos are to be learned from; more are drawn, to stand in for broken ones.

    Raises:
        UsageError, SourceFault: an input is not there or cannot be listed.
    """
    digest, count = hashlib.sha256(), 0
    notes: list[str] = []

    def ranked() -> Iterator[tuple[bytes, int, Drawn]]:
        nonlocal count
        for number, config in enumerate(sources):
            source = open_source(config)
            for item in source.items():
                photo = Drawn(number, item.path, item.ref)
                digest.update(f"{number}\0{item.path}\0{item.ref.offset}\0{item.ref.size}\n".encode())
                count += 1
                yield _rank(photo, seed), count, photo
            notes.extend(getattr(source, "notes", ()))

    best = heapq.nsmallest(wanted + max(wanted, _SPARE), ranked())
    photos = tuple(photo for _, _, photo in best)
    return Draw(photos, {"photos": count, "sha256": digest.hexdigest()}, tuple(notes))


def _rank(photo: Drawn, seed: int) -> bytes:
    text = f"{seed}\0{photo.input}\0{photo.path}\0{photo.ref.offset}"
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).digest()


@dataclass
class Opened:
    """Reads and decodes drawn photos; made anew in each worker process.

    Args:
        sources: one per input.
    """

    sources: list[RunConfig]
    _readers: dict[int, ByteReader] = field(default_factory=dict)

    def __call__(self, photo: Drawn) -> tuple[RGB, str]:
        """The photo's pixels, upright, and the SHA-256 of its bytes.

        Raises:
            ImageFault: it cannot be read or decoded.
        """
        config = self.sources[photo.input]
        if photo.input not in self._readers:
            self._readers[photo.input] = ByteReader(source_root(config), config.max_bytes)
        data = self._readers[photo.input].read(photo.ref)
        limits = Limits(config.max_bytes, config.max_pixels, config.max_side)
        decoded = decode(data, limits, accept_damaged=config.accept_damaged)
        return decoded.image, hashlib.sha256(data).hexdigest()

    def again(self, photo: Drawn, sha256: str) -> RGB:
        """The pixels of a photo that was opened before.

        Args:
            photo: of the draw.
            sha256: of its bytes then.

        Raises:
            ImageFault: it cannot be read any more, or has changed.
        """
        image, found = self(photo)
        if found != sha256:
            raise ImageFault("changed", "its bytes are not those that were drawn")
        return image


@dataclass
class Square:
    """The task of this step: a photo's hash and its pixels as the network will see them.

    Args:
        opened: reads the photos.
        side: of the square, px. The kernel is that of `--method deepusps`.
    """

    opened: Opened
    side: int

    def __call__(self, photo: Drawn) -> tuple[str, RGB]:
        """The SHA-256 of the photo's bytes, and (side, side, 3) uint8 RGB.

        Raises:
            ImageFault: it cannot be read or decoded.
        """
        image, sha256 = self.opened(photo)
        return sha256, resize_antialias(image, self.side)


@dataclass
class _Gathered:
    """What has been decoded so far: rows in the store, and their record."""

    work: WorkFolder
    wanted: int
    side: int
    tried: int = 0
    photos: list[Facts] = field(default_factory=list)
    skipped: list[Facts] = field(default_factory=list)
    waiting: list[RGB] = field(default_factory=list)
    hash: Any = field(default_factory=hashlib.sha256)

    def restore(self) -> None:
        """Go on from the last record, if the rows are what it says."""
        shape = (self.wanted, self.side, self.side, 3)
        found = self.work.record(RECORD)
        self.work.store.create(ARRAY, shape, np.uint8)
        if found is None:
            return
        rows = self.work.store.read(ARRAY, 0, len(found["photos"]))
        if rows_sha256(rows) == found["sha256"]:
            self.tried, self.photos, self.skipped = found["tried"], found["photos"], found["skipped"]
            self.hash.update(np.ascontiguousarray(rows).data)

    def add(self, photo: Drawn, answer: tuple[str, RGB] | ImageFault) -> None:
        self.tried += 1
        if isinstance(answer, ImageFault):
            self.skipped.append({"input": photo.input, "path": photo.path, "why": str(answer)})
            return
        twin = next((one for one in self.photos if one["sha256"] == answer[0]), None)
        if twin is not None:
            why = f"duplicate: the same bytes as {twin['path']}"
            self.skipped.append({"input": photo.input, "path": photo.path, "why": why})
            return
        self.photos.append(
            {"input": photo.input, "path": photo.path, "ref": asdict(photo.ref), "sha256": answer[0]}
        )
        self.waiting.append(answer[1])

    def commit(self, *, done: bool) -> None:
        first = len(self.photos) - len(self.waiting)
        if self.waiting:
            rows: NDArray[np.uint8] = np.stack(self.waiting)
            self.work.store.write(ARRAY, first, rows)
            self.hash.update(rows.data)
            self.waiting.clear()
        self.work.store.sync(ARRAY, range(first, len(self.photos)))
        facts = {"tried": self.tried, "photos": self.photos, "skipped": self.skipped, "done": done}
        self.work.commit(RECORD, {**facts, "sha256": self.hash.hexdigest()})


def gather(work: WorkFolder, settings: Settings, workers: int, report: Report) -> None:
    """Decode drawn photos in their order until there are enough; each goes to the store.

    Args:
        work: the training's folder.
        settings: of the training.
        workers: processes.
        report: told after each photo.

    Raises:
        UsageError: an input has changed, or too few photos can be used.
    """
    sources = configs(settings.inputs, settings.dataset, settings.split)
    found = draw(sources, settings.seed, settings.preset.images)
    if found.source != settings.source:
        raise UsageError(
            "the inputs list other photos than when the training began",
            where=", ".join(settings.inputs),
            remedy="put them back, or begin anew in another --output",
        )
    wanted = min(settings.preset.images, found.source["photos"])
    so_far = _Gathered(work, wanted, settings.preset.side)
    so_far.restore()
    pace = Pace("photos", "photos", wanted, report, len(so_far.photos))
    left = found.photos[so_far.tried :] if len(so_far.photos) < wanted else ()
    task = Square(Opened(sources), settings.preset.side)
    answers = map_in_order(task, left, workers)
    for photo, answer in zip(left, answers, strict=True):
        before = len(so_far.photos)
        so_far.add(photo, answer)
        pace.add(len(so_far.photos) - before, facts=f"{len(so_far.skipped)} skipped")
        if len(so_far.photos) == wanted:
            break
        if len(so_far.waiting) == BATCH:
            so_far.commit(done=False)
    answers.close()  # its workers end here
    _check_enough(so_far.photos, so_far.skipped, settings)
    so_far.commit(done=True)


def _check_enough(photos: Sequence[Facts], skipped: Sequence[Facts], settings: Settings) -> None:
    if len(photos) >= settings.least_photos:
        return
    shown = "; ".join(f"{one['path']}: {one['why']}" for one in skipped[:_SHOWN])
    raise UsageError(
        f"too few photos: {len(photos)} can be used, and a batch takes {settings.least_photos}",
        where=", ".join(settings.inputs),
        cause=f"{len(skipped)} were skipped ({shown})" if skipped else "the inputs list no more",
        remedy=_smaller_batch(settings),
    )


def _smaller_batch(settings: Settings) -> str:
    rounds = "--set rounds.batch_size=N " if settings.preset.rounds else ""
    return f"add photos, or a smaller batch: {rounds}--set fusion.batch_size=N"


def check_listed(source: Facts, settings: Settings) -> None:
    """Refuse inputs that list too few photos, before anything is made.

    Raises:
        UsageError: they do.
    """
    if source["photos"] < settings.least_photos:
        raise UsageError(
            f"too few photos: the inputs list {source['photos']}, and a batch takes {settings.least_photos}",
            where=", ".join(settings.inputs),
            remedy=_smaller_batch(settings),
        )
