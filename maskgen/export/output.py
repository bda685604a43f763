"""Where an export is written: a folder, or an object store. A file is there whole or not at all."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from ..config.claim import check_empty
from ..errors import UsageError
from ..io.atomic import PartialFile, disk_errors, folder_lock, make_folder, sweep_partials, sync_disk
from ..io.storage import uploads
from ..io.storage.location import Location, ObjectLocation, no_bucket
from ..io.storage.work import work_folder


class Writer(Protocol):
    """A file that is being written."""

    def write(self, data: bytes, /) -> object:
        """Append all of `data`."""
        ...


class HashedFile:
    """What pyarrow writes to: counts and hashes what passes through.

    Args:
        file: where it goes.
    """

    closed = False

    def __init__(self, file: Writer) -> None:
        self._file = file
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        """Append all of `data`."""
        view = bytes(data)
        self._file.write(view)
        self._hash.update(view)
        self.size += len(view)
        return len(view)

    def tell(self) -> int:
        """Bytes written so far."""
        return self.size

    def flush(self) -> None:
        """Nothing is buffered here."""

    def close(self) -> None:
        """Whoever opened the file closes it."""

    @property
    def sha256(self) -> str:
        """Hex digest of what was written."""
        return self._hash.hexdigest()


class Output(Protocol):
    """Files by their paths below a place, with ``/`` between the folders; safe to share among threads.

    Every method may raise EnvironmentFault: the disk is full, broken or read-only, or the store refuses.
    """

    @property
    def location(self) -> Location:
        """The place; what was written is read from it."""
        ...

    def hold(self, waiting: Callable[[], object] = lambda: None) -> contextlib.AbstractContextManager[None]:
        """Keep other processes of this machine out, while entered; `waiting` is called if one is in it."""
        ...

    def write(self, path: str, data: bytes) -> None:
        """Write a file, over what was there."""
        ...

    def open(self, path: str) -> contextlib.AbstractContextManager[Writer]:
        """A file to be written bit by bit; it is there when the context is left without an error."""
        ...

    def sync(self) -> None:
        """Make durable what was written."""
        ...


class FolderOutput:
    """A folder; what dead processes have left in it is cleared where something is written.

    Args:
        folder: may be absent.
    """

    def __init__(self, folder: Path) -> None:
        self.location: Location = folder
        self._folder = folder
        self._known: set[Path] = set()

    @contextlib.contextmanager
    def hold(self, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:
        """See `Output`."""
        make_folder(self._folder)
        with folder_lock(self._folder, waiting):
            yield

    def write(self, path: str, data: bytes) -> None:
        """See `Output`."""
        with self.open(path) as file:
            file.write(data)

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[Writer]:
        """See `Output`."""
        final = self._folder / path
        if final.parent not in self._known:
            with disk_errors(final):
                final.parent.mkdir(parents=True, exist_ok=True)
            sweep_partials(final.parent)
            self._known.add(final.parent)
        with PartialFile(final) as partial:
            yield partial
            partial.put()

    def sync(self) -> None:
        """See `Output`."""
        sync_disk(self._folder)


class StoreOutput:
    """A folder of an object store. Large files are written to a local one first, below TMPDIR.

    Args:
        location: of the folder.
    """

    def __init__(self, location: ObjectLocation) -> None:
        self.location: Location = location
        self._place = location

    @contextlib.contextmanager
    def hold(self, waiting: Callable[[], object] = lambda: None) -> Iterator[None]:  # noqa: ARG002
        """See `Output`; a store has no locks, and two who export the same write the same."""
        yield

    def write(self, path: str, data: bytes) -> None:
        """See `Output`."""
        self._send(path, data)

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[Writer]:
        """See `Output`."""
        with work_folder() as near:
            file = near / "file"
            with disk_errors(file), file.open("wb") as sink:
                yield sink
            self._send(path, file)

    def _send(self, path: str, source: bytes | Path) -> None:
        place = self._place / path
        try:
            uploads.replace(place.bucket, place.key, source)
        except FileNotFoundError as error:
            raise no_bucket(self._place) from error

    def sync(self) -> None:
        """See `Output`; an object that was written is durable."""


def open_output(location: Location) -> Output:
    """The output at a place.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.export.output import open_output
        >>> open_output(Path("masks")).location
        PosixPath('masks')
    """
    return StoreOutput(location) if isinstance(location, ObjectLocation) else FolderOutput(location)


def check_free(location: Location) -> None:
    """Refuse a place with anything visible in it.

    Raises:
        UsageError: it holds something, or is a file; the bucket is missing.
        EnvironmentFault: the store cannot be reached or refuses.
    """
    if isinstance(location, ObjectLocation):
        try:
            taken = next(location.bucket.walk(location.key), None) is not None
        except FileNotFoundError as error:
            raise no_bucket(location) from error
        if taken:
            raise UsageError(
                "the output is not empty and holds no export",
                where=str(location),
                remedy="choose another address",
            )
        return
    check_empty(location, "export", "choose another folder")
