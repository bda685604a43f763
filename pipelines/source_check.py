"""Whether the photos of a source are still those that its shards were made of.

The plan names each photo with its size; that another one of the same size took its place, only the SHA-256 in
the shards' tables tells.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maskgen.config.counted import counted
from maskgen.config.run_config import RunConfig
from maskgen.errors import ImageFault, MaskgenError, UsageError
from maskgen.io.storage.listing import written_times
from maskgen.io.storage.location import Location, ObjectLocation
from maskgen.shards import manifest, table
from maskgen.shards.plan import Plan, PlannedImage, read_plan, shard_files, shard_rows
from maskgen.shards.plan_table import table_name
from maskgen.shards.record import Record, record_path
from maskgen.shards.verify import Fault

from .sources import ByteReader, source_root

_HASHED_AT_START = 200  # photos, well below a second
_LOOK_S = 5.0  # 400,000 files on a local disk, 16,000 at .3 ms a round trip
_NAMED = 3
_LOOKED = 5


@dataclass(frozen=True, slots=True)
class Expected:
    """A photo of the plan, and the SHA-256 it had when its shard was made."""

    image: PlannedImage
    sha256: str


def check_source(
    output: Location, source: str | os.PathLike[str], tick: Callable[[int], None] = lambda _: None
) -> Iterator[Fault]:
    """Compare every photo of a source with the hash in the tables.

    Args:
        output: the data set's folder.
        source: the run's input, a path or an address.
        tick: called with the number of photos done.

    Yields:
        A fault for each photo that is another one, or is no longer there.

    Raises:
        UsageError: the source is not there, or the plan did not come along with the shards.
        ShardFault: the plan, a record or a table is damaged.
        EnvironmentFault: the object store cannot be reached or refuses.
    """
    name = table_name(output)
    if not (output / name).exists():
        raise UsageError(
            "without its plan a folder does not say where its photos lie",
            where=str(output / name),
            remedy=f"copy plan.json, {name} and records/ along with the shards",
        )
    plan = read_plan(output)
    options = plan.identity["options"]
    root = source_root(RunConfig(dataset=options["dataset"], input=os.fspath(source), output="-"))
    reader = ByteReader(root, options["max_bytes"])
    numbers = {shard.name: number for number, shard in enumerate(plan.shards)}
    done = 0
    try:
        for record in manifest.build(output, plan).shards:
            for one in _expected(output, output, numbers[record.name], record):
                if text := _difference(reader, one):
                    yield Fault(record.name, f"{one.image.sample.key}: {text}")
                done += 1
                tick(done)
    finally:
        reader.close()


def _expected(rows: Location, tables: Location, number: int, record: Record) -> Iterator[Expected]:
    """The photos of a committed shard that could be read when it was made."""
    found = table.read(tables / f"{record.name}.parquet", ["key", "source_sha256"]).to_pylist()
    hashes = {row["key"]: row["source_sha256"] for row in found}
    for image in shard_rows(rows, number):
        if sha256 := hashes.get(image.sample.key):
            yield Expected(image, sha256)


def _difference(reader: ByteReader, one: Expected) -> str:
    """Why a photo is not the one of then; empty when it is."""
    path = one.image.sample.path
    try:
        data = reader.read(one.image.ref)
    except ImageFault as fault:
        return f"{path} can no longer be read ({fault})"
    if hashlib.sha256(data).hexdigest() == one.sha256:
        return ""
    return f"{path} is not the photo that the sample was made of: another SHA-256"


def check_there(root: Location, output: Location, numbers: Sequence[int]) -> None:
    """Refuse a source of which nothing is there, as when its disk is not mounted.

    A few photos that are still to be made are looked for: one that is there is enough.

    Args:
        root: the folder of the source.
        output: where the plan's table is.
        numbers: of the shards to be made.

    Raises:
        UsageError: none of them is there.
        ShardFault: the plan's table is damaged.
    """
    looked = [numbers[len(numbers) * part // _LOOKED] for part in range(_LOOKED)] if numbers else []
    files = [shard_files(output, number)[0] for number in sorted(set(looked))]
    if files and not any((root / file).exists() for file in files):
        raise UsageError(
            f"none of {counted(len(files), 'planned file')} that were looked for is there",
            where=str(root / files[0]),
            cause="the source was moved or is not mounted",
            remedy="give its folder as --input; a changed source needs another --output",
        )


@dataclass(frozen=True, slots=True)
class Places:
    """Where that is what a run's photos are compared by.

    Args:
        source: the folder of the photos.
        folder: with the plan's head and the records.
        rows: where the plan's table is.
        shards: where the tables of the shards are.
    """

    source: Location
    folder: Path
    rows: Location
    shards: Location


def note_touched(
    places: Places, plan: Plan, shards: Mapping[int, Record], *, seconds: float = _LOOK_S
) -> list[str]:
    """What a resumed run says of photos that were written after their shard was.

    Their times are looked at, shards in random order until the time is up, and up to 200 that are younger
    than their shard are compared by their hash: the committed shards stay as they are. The times of a million
    files on a network mount would take minutes, at each resume; `check_source` is for that. Of an object
    store a listing tells the times of a thousand.

    Args:
        places: of all that is looked at.
        plan: of the run.
        shards: the committed shards by number.
        seconds: how long to look; the shard under way then is looked at to its end.
    """
    look = _Look(places)
    order = random.sample(sorted(shards), len(shards))
    end = time.monotonic() + seconds
    try:
        for number in order:
            look.at(number, shards[number])
            if time.monotonic() >= end:
                break
    except (MaskgenError, OSError):  # a damaged shard is for verify to tell
        return []
    reader = ByteReader(places.source, plan.identity["options"]["max_bytes"])
    changed = [one.image.sample.path for one in look.compared if _difference(reader, one)]
    reader.close()
    return look.notes(sorted(changed), sum(plan.shards[number].images for number in shards))


@dataclass
class _Look:
    """At the times of the files of committed shards; each file's is asked for once.

    Args:
        places: of all that is looked at.
    """

    places: Places
    times: dict[str, int] = field(default_factory=dict)
    looked: int = 0
    young: int = 0
    compared: list[Expected] = field(default_factory=list)

    def at(self, number: int, record: Record) -> None:
        """Count the photos in files that were written, moved or linked after the record of their shard."""
        made = record_path(self.places.folder, record.name).stat().st_mtime_ns
        photos = Counter(shard_files(self.places.rows, number))
        self.times.update(_last_changes(self.places.source, sorted(photos.keys() - self.times.keys())))
        young = {file for file in photos if self.times[file] > made}
        self.looked += photos.total()
        self.young += sum(photos[file] for file in young)
        room = _HASHED_AT_START - len(self.compared)
        if young and room:
            expected = _expected(self.places.rows, self.places.shards, number, record)
            suspects = (one for one in expected if one.image.ref.file in young)
            self.compared += itertools.islice(suspects, room)

    def notes(self, changed: Sequence[str], photos: int) -> list[str]:
        """What was found: the changed ones of those compared, and how many of all `photos` were looked at."""
        notes = []
        if changed:
            have = counted(len(changed), "photo has", "photos have")
            notes.append(
                f"{have} changed since the shards were made, which stay as they are ({name_some(changed)}); "
                "maskgen verify --source INPUT --repair withdraws such shards"
            )
        if self.young > len(self.compared) >= _HASHED_AT_START:
            notes.append(
                f"{counted(self.young, 'photo is', 'photos are')} younger than the shards, "
                f"{len(self.compared)} of them were compared; maskgen verify --source INPUT compares all"
            )
        if self.looked < photos:
            notes.append(
                f"the files of {self.looked} of {counted(photos, 'photo')} in finished shards were looked at "
                "for changes; maskgen verify --source INPUT compares all"
            )
        return notes


def _last_changes(root: Location, files: Sequence[str]) -> dict[str, int]:
    if isinstance(root, ObjectLocation):
        return written_times(root, files)
    return {file: _last_change(os.path.join(root, file)) for file in files}  # noqa: PTH118 - half the time


def _last_change(path: str) -> int:
    """Of content or place, in nanoseconds; 0 for a file that is not there."""
    try:
        status = os.stat(path)  # noqa: PTH116
    except OSError:
        return 0
    return max(status.st_mtime_ns, status.st_ctime_ns)


def name_some(paths: Sequence[str]) -> str:
    """The first few paths, and how many more there are."""
    more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
    return ", ".join(paths[:_NAMED]) + more
