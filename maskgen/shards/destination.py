"""Where a run's shards end up: the folder that it works in, or an object store that they are sent to."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Protocol

from ..errors import UserFacing
from ..io.atomic import file_sha256
from ..io.storage.location import Location, file_sizes, open_location
from ..io.storage.work import work_folder
from . import commit, foreign_files, manifest, naming
from .plan import Plan
from .plan_table import table_name
from .reader import check_size
from .record import Record
from .uploaded import UploadedFolder
from .withdrawn import kept_table


class Target(Protocol):
    """What becomes of a shard that a worker has committed to the folder it works in."""

    def publish(self, folder: Path, record: Record) -> None:
        """Make it a part of the data set.

        Args:
            folder: that holds its files.
            record: of its commit.

        Raises:
            UsageError: it is committed already, with other content.
            EnvironmentFault: the store cannot be reached or refuses.
        """
        ...

    def rows(self, folder: Path) -> Location:
        """Where the table of the plan is, of which each shard's rows are read by themselves.

        Args:
            folder: that the run works in.
        """
        ...

    def node_folder(self, folder: Path) -> AbstractContextManager[Path]:
        """The folder in which another machine makes shards of this run, with the plan's head in it.

        Args:
            folder: that the run works in on its own machine.

        Raises:
            EnvironmentFault: the store cannot be reached or refuses.
        """
        ...


class Destination(Protocol):
    """A data set that is being made.

    Every method may raise EnvironmentFault: the disk is full, broken or read-only, or the store refuses.
    """

    @property
    def folder(self) -> Path:
        """The folder that the run works in, with the plan and the commit records in it."""
        ...

    @property
    def location(self) -> Location:
        """Where the data set is."""
        ...

    @property
    def target(self) -> Target:
        """For the workers."""
        ...

    def claim(self, plan: Plan) -> None:
        """Make the plan in the folder the data set's own.

        Raises:
            UsageError: it has another one, or holds files that are not ours.
        """
        ...

    def check_sizes(self, records: Iterable[Record]) -> None:
        """Make sure that the files of committed shards are there and as long as recorded.

        Raises:
            ShardFault: one is missing, longer or shorter.
        """
        ...

    def withdraw(self, name: str) -> None:
        """Undo a commit."""
        ...

    def knows_table(self, name: str) -> bool:
        """Whether the table of a withdrawn shard is kept, so that changed photos can be told."""
        ...

    def drop_other_table(self, plan: Plan) -> None:
        """Remove the plan's table if it is damaged or another's: runs trust it while it is there."""
        ...

    def set_aside(self) -> list[str]:
        """Move files that do not belong to the data set to a folder of their own, and return their names."""
        ...

    def is_complete(self, plan: Plan) -> bool:
        """Whether every shard of the plan is committed, by whomever; no record is read."""
        ...

    def write_manifest(self, plan: Plan | None = None) -> None:
        """Write the manifest of what is committed, by whomever."""
        ...

    def send_log(self) -> None:
        """Bring the log of this run to the data set."""
        ...


@dataclass(frozen=True, slots=True)
class InPlace:
    """Shards that are made where they stay."""

    def publish(self, folder: Path, record: Record) -> None:
        """They are published by their commit."""

    def rows(self, folder: Path) -> Location:
        """In the same folder."""
        return folder

    def node_folder(self, folder: Path) -> AbstractContextManager[Path]:
        """The same, which all machines share."""
        return contextlib.nullcontext(folder)


@dataclass(frozen=True, slots=True)
class LocalFolder:
    """A data set in a folder; see `Destination`."""

    folder: Path

    @property
    def location(self) -> Location:
        """The folder."""
        return self.folder

    @property
    def target(self) -> Target:
        """For the workers."""
        return InPlace()

    def claim(self, plan: Plan) -> None:
        """It is claimed by the plan that lies in it."""

    def check_sizes(self, records: Iterable[Record]) -> None:
        """Make sure that the files of committed shards are there and as long as recorded."""
        sizes = file_sizes(self.folder)
        for record in records:
            check_size(self.folder, record, sizes)

    def withdraw(self, name: str) -> None:
        """Undo a commit."""
        commit.withdraw(self.folder, name)

    def knows_table(self, name: str) -> bool:
        """Whether the table of a withdrawn shard is kept."""
        return kept_table(self.folder, name).exists()

    def drop_other_table(self, plan: Plan) -> None:
        """Remove the plan's table if it is damaged or another's."""
        table = self.folder / table_name(self.folder)
        if table.exists() and file_sha256(table) != plan.table_sha256:
            table.unlink()

    def set_aside(self) -> list[str]:
        """Move foreign files to a folder of their own, and return their names."""
        return foreign_files.set_aside(self.folder)

    def is_complete(self, plan: Plan) -> bool:
        """Whether every shard of the plan is committed."""
        there = {path.name for path in (self.folder / naming.RECORDS).iterdir()}
        return all(f"{shard.name}.json" in there for shard in plan.shards)

    def write_manifest(self, plan: Plan | None = None) -> None:
        """Write the manifest of what is committed."""
        manifest.write(self.folder, plan)

    def send_log(self) -> None:
        """It is written there."""


@contextlib.contextmanager
def open_destination(
    output: str | PathLike[str] | Location, task: tuple[int, int] = (0, 1)
) -> Iterator[Destination]:
    """The data set in a folder, or at an address; errors speak of the address.

    Args:
        output: the folder, or the address.
        task: (i, n): of a data set in a store only what is to be known of the shards whose number is i modulo
            n is copied.

    Raises:
        UsageError: an address of another kind.
        EnvironmentFault: the store cannot be reached or refuses.
    """
    location = open_location(output)
    if isinstance(location, Path):
        yield LocalFolder(location)
        return
    with work_folder() as folder:
        try:
            yield UploadedFolder.pull(location, folder, task)
        except UserFacing as error:
            error.rename(str(folder), str(location))
            raise
