"""A data set in an object store: made in a local folder as any other, shard by shard, and sent there.

The store has no rename, no link and no lock. What it has is that a key is created by one alone: the plan
claims the address, and a shard is committed by creating its record, after its files. Of two who make the same
shard the second finds equal files and an equal record, which is success, or others, which is refused.
"""

from __future__ import annotations

import contextlib
import hashlib
import secrets
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import EnvironmentFault, ShardFault, UsageError
from ..io.atomic import write_atomic
from ..io.storage import uploads
from ..io.storage.listing import list_widely
from ..io.storage.location import Location, ObjectLocation, no_bucket
from ..io.storage.nearby import copy_to
from ..io.storage.reading import read_whole
from ..io.storage.work import work_folder
from . import foreign_files, manifest, naming
from .plan import Plan, read_plan
from .plan_table import table_name
from .pulled import pull_records
from .reader import check_size
from .record import Record, parse, record_path
from .withdrawn import kept_table

_LEFTOVER = "maskgen verify ADDRESS --repair moves leftovers aside; then run the same command again"


@dataclass(frozen=True, slots=True)
class Upload:
    """Sends each shard that a worker has made.

    Args:
        location: of the data set.
    """

    location: ObjectLocation

    def publish(self, folder: Path, record: Record) -> None:
        """Send a shard's tar, index and table, then commit it by creating its record; then drop the files.

        Args:
            folder: that holds its files.
            record: of its commit there.

        Raises:
            UsageError: the store has other files of that name, or another record.
            EnvironmentFault: the store cannot be reached or refuses.
        """
        if self._committed(record) is None:
            for suffix in naming.SUFFIXES:
                self._send(folder / f"{record.name}.{suffix}", record)
            self._commit(record)
        for suffix in record.files:
            (folder / f"{record.name}.{suffix}").unlink(missing_ok=True)

    def rows(self, folder: Path) -> Location:
        """In the folder of the run that has made them; else in the store, where they are read by ranges."""
        return folder if (folder / table_name(folder)).exists() else self.location

    @contextlib.contextmanager
    def node_folder(self, folder: Path) -> Iterator[Path]:  # noqa: ARG002 - it is of another machine
        """A folder of this machine, with a copy of the plan's head."""
        with work_folder() as own:
            copy_to(self.location / naming.PLAN, own / naming.PLAN)
            (own / naming.RECORDS).mkdir()
            yield own

    def _committed(self, record: Record) -> Record | None:
        """The record that the store has already, when it is this one.

        Raises:
            UsageError: it is another one.
        """
        location = record_path(self.location, record.name)
        try:
            found = parse(read_whole(location), location.name)
        except FileNotFoundError:
            return None
        except ShardFault as fault:
            raise _other_content(location, str(fault.what)) from fault
        if found != record:
            raise _other_content(location, "another run with a transient failure (a time-out, memory)")
        return found

    def _send(self, path: Path, record: Record) -> None:
        location, fact = self.location / path.name, record.files.get(path.suffix[1:])
        if fact is None:  # a shard without samples, after a killed attempt that had some
            if location.is_file():
                raise _other_content(location, "a leftover of an attempt that was broken off")
            return
        if not uploads.create(location.bucket, location.key, path) and not uploads.holds(
            location.bucket, location.key, fact.bytes, fact.sha256
        ):
            raise _other_content(location, "a leftover of an attempt that was broken off, or another run")

    def _commit(self, record: Record) -> None:
        location = record_path(self.location, record.name)
        if not uploads.create(location.bucket, location.key, record.render()):
            self._committed(record)
        kept = kept_table(self.location, record.name)
        if kept.is_file():  # the shard is there again
            kept.bucket.delete(kept.key)


def _names_of(folder: Path, task: tuple[int, int]) -> set[str] | None:
    """The shards of a task; None for all, also where no sound plan tells which they are."""
    if task[1] == 1:
        return None
    try:
        shards = read_plan(folder).shards
    except ShardFault:
        return None
    return {shard.name for shard in shards[task[0] :: task[1]]}


def _other_content(location: ObjectLocation, cause: str) -> UsageError:
    return UsageError(
        "the store has another object of that name than this run makes",
        where=str(location),
        cause=cause,
        remedy=_LEFTOVER,
    )


@dataclass(frozen=True, slots=True)
class UploadedFolder:
    """A data set in an object store, see `Destination`; the head of the plan and the records are copied here.

    Args:
        location: of the data set.
        folder: local, the run's own.
    """

    location: ObjectLocation
    folder: Path

    @classmethod
    def pull(cls, location: ObjectLocation, folder: Path, task: tuple[int, int] = (0, 1)) -> UploadedFolder:
        """Copy what a run needs to resume: the plan's head, the records, tables of withdrawn shards.

        Args:
            location: of the data set.
            folder: the run's own.
            task: (i, n): only of the shards whose number is i modulo n, where a plan is there.

        Raises:
            EnvironmentFault: the store cannot be reached or refuses.
            UsageError: no such bucket.
        """
        whole = cls(location, folder)
        try:
            copy_to(location / naming.PLAN, folder / naming.PLAN)
            pull_records(location, folder, _names_of(folder, task))
        except FileNotFoundError as error:
            raise no_bucket(location) from error
        return whole

    @property
    def target(self) -> Upload:
        """For the workers."""
        return Upload(self.location)

    def claim(self, plan: Plan) -> None:
        """Send the plan, or find its equal; one that is damaged there is replaced.

        Raises:
            UsageError: another plan, or files of shards without a plan.
        """
        head = self.location / naming.PLAN
        data = (self.folder / naming.PLAN).read_bytes()
        if not head.is_file():
            self._check_no_shards(plan)
            self._send_table(plan)
        if not uploads.create(head.bucket, head.key, data):
            self._check_equal(head, data, plan)
        self._send_table(plan)  # a rival with another plan may have sent his between

    def _send_table(self, plan: Plan) -> None:
        """The table is made from the source and the options: the head decides which one is right."""
        name = table_name(self.folder)
        location, path = self.location / name, self.folder / name
        if not path.exists():  # the one in the store is trusted
            return
        if not uploads.holds(location.bucket, location.key, path.stat().st_size, plan.table_sha256):
            uploads.replace(location.bucket, location.key, path)

    def _check_equal(self, head: ObjectLocation, data: bytes, plan: Plan) -> None:
        try:
            found = read_plan(self.location)
        except ShardFault:  # damaged: settling the plan has made sure that the records are this run's
            uploads.replace(head.bucket, head.key, data)
            return
        if found.identity != plan.identity:
            raise UsageError(
                "another run has claimed this address meanwhile",
                where=str(head),
                remedy="run the same command again to see what differs, or choose another --output",
            )

    def _check_no_shards(self, plan: Plan) -> None:
        names = self._sizes()
        own = [f"{shard.name}.{suffix}" for shard in plan.shards for suffix in naming.SUFFIXES]
        for name in (*own, naming.MANIFEST):
            if name in names:
                raise UsageError(
                    "the output holds shards but no plan",
                    where=str(self.location / name),
                    remedy="choose an empty prefix",
                )

    def check_sizes(self, records: Iterable[Record]) -> None:
        """Make sure that the files of committed shards are there and as long as recorded, by a listing.

        Raises:
            ShardFault: one is missing, longer or shorter.
        """
        sizes = self._sizes()
        for record in records:
            check_size(self.location, record, sizes)

    def _sizes(self) -> dict[str, int]:
        return {entry.key: entry.size for entry in list_widely(self.location) if "/" not in entry.key}

    def knows_table(self, name: str) -> bool:
        """Whether the table of a withdrawn shard is kept."""
        return kept_table(self.location, name).is_file()

    def withdraw(self, name: str) -> None:
        """Undo a commit: the table is kept aside, then the record goes, then the files."""
        bucket, kept = self.location.bucket, kept_table(self.location, name)
        record, own = record_path(self.location, name), self.location / f"{name}.parquet"
        try:
            fact = parse(read_whole(record), record.name).files["parquet"]
            data = read_whole(own)
            if hashlib.sha256(data).hexdigest() == fact.sha256:
                uploads.replace(bucket, kept.key, data)
                write_atomic(kept_table(self.folder, name), data)
        except (ShardFault, OSError, KeyError):
            pass  # another table proves nothing
        bucket.delete(record.key)
        record_path(self.folder, name).unlink(missing_ok=True)
        for suffix in naming.SUFFIXES:
            bucket.delete((self.location / f"{name}.{suffix}").key)

    def drop_other_table(self, plan: Plan) -> None:
        """Remove the plan's table if it is damaged or another's."""
        place = self.location / table_name(self.location)
        with contextlib.suppress(FileNotFoundError):
            if uploads.object_sha256(place.bucket, place.key) != plan.table_sha256:
                place.bucket.delete(place.key)

    def set_aside(self) -> list[str]:
        """Move foreign files and leftovers to ``set-aside/``, and return their names."""
        done = manifest.build(self.folder, read_plan(self.folder)).shards
        names = [name for name, _ in foreign_files.find(self.location, done)]
        for name in names:
            old, new = self.location / name, self.location / naming.SET_ASIDE / name
            old.bucket.copy(old.key, new.key)
            old.bucket.delete(old.key)
        return names

    def is_complete(self, plan: Plan) -> bool:
        """Whether every shard of the plan is committed, by a listing."""
        there = {entry.key for entry in list_widely(self.location / naming.RECORDS)}
        return all(f"{shard.name}.json" in there for shard in plan.shards)

    def write_manifest(self, plan: Plan | None = None) -> None:
        """Write the manifest of all records in the store; of several writers the last sees every record.

        Raises:
            EnvironmentFault: the store cannot be reached or refuses.
        """
        target = self.location / naming.MANIFEST
        pull_records(self.location, self.folder)
        while True:
            data = manifest.write(self.folder, plan).render()
            uploads.replace(target.bucket, target.key, data)
            if not pull_records(self.location, self.folder):
                break

    def send_log(self) -> None:
        """Send the log of this process: an object cannot be appended to, so each has one of its own."""
        path = self.folder / naming.LOG
        if path.exists():
            now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
            target = self.location / "logs" / f"{now}-{secrets.token_hex(4)}.jsonl"
            if not uploads.create(target.bucket, target.key, path):
                raise EnvironmentFault(
                    "a log of that name is there already",
                    where=str(target),
                    remedy="run the same command again: it takes another name",
                )
            path.unlink()
