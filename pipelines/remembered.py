"""What has been listed before, so that of a source only the files that changed since are listed again.

With each part of a source that lies in files, such as one tar, is remembered how these looked. What is
remembered may be lost or damaged at any time: it is listed anew then.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self, TypeVar

from maskgen.config.fingerprint import digest
from maskgen.config.run_config import RunConfig
from maskgen.errors import MaskgenError
from maskgen.io.atomic import make_folder
from maskgen.io.checksum import crc32c
from maskgen.io.storage.location import Location, open_location
from maskgen.io.storage.looks import looks
from maskgen.version import __version__

from .sources.parts import Subject

T = TypeVar("T")
FOLDER_VARIABLE = "MASKGEN_LISTINGS"
"""A folder for what was listed; ``off``: nothing is remembered."""
_FORMAT = 1
_WORTH_S = 2.0
"""A source that is listed in less time is not remembered."""
_FLUSH_S = 20.0
_FLUSH_BYTES = 64 << 20
"""What is listed reaches the disk after so much of it, or so long: a plan that is killed loses no more."""
_LARGEST = 1 << 29
"""Of one part: a row of SQLite holds no more than twice that."""
_KEPT_S = 90 * 86_400
_BUSY_S = 10.0


def open_memory(options: RunConfig, *, worth_s: float = _WORTH_S) -> Memory:
    """What is remembered of the source of a run.

    Args:
        options: of the run.
        worth_s: seconds that a listing must take to be remembered.
    """
    folder = memory_folder()
    if folder is None or not options.input:
        return Memory(None)
    _sweep(folder)
    source = [options.dataset, _address(open_location(options.input)), options.split]
    return Memory(folder / f"{digest(source)[:32]}.listing", worth_s=worth_s)


def memory_folder() -> Path | None:
    """MASKGEN_LISTINGS, or a folder below XDG_CACHE_HOME or ~/.cache; None where it is ``off``."""
    own = os.environ.get(FOLDER_VARIABLE, "")
    if own:
        return None if own == "off" else Path(own).expanduser().absolute()
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path("~/.cache").expanduser()
    return base / "maskgen" / "listings"


def _sweep(folder: Path) -> None:
    """Remove what has not been used for a quarter of a year."""
    for path in folder.glob("*.listing"):
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < time.time() - _KEPT_S:
                path.unlink()


def _address(file: Location) -> str:
    """A path from the root, or the address of an object and of its store."""
    if isinstance(file, Path):
        return os.path.abspath(file)  # noqa: PTH100 - links stay: what they lead to has its own look
    return f"{os.environ.get('AWS_ENDPOINT_URL', '')} {file}"


class Memory:
    """What is remembered of one source, in one file that several processes may use.

    Only `look` and `recall` raise, and only what reading the source raises: a file that is damaged is begun
    anew, and where nothing can be written, nothing is remembered.

    Args:
        path: of the file, which need not be there; None to remember nothing.
        worth_s: seconds that a listing must take to be remembered, where nothing is so far.

    Example:
        >>> import os, pathlib, tempfile
        >>> from maskgen.pipelines.remembered import Memory
        >>> from maskgen.pipelines.sources.parts import Subject
        >>> folder = pathlib.Path(tempfile.mkdtemp())
        >>> _ = (folder / "a.tar").write_bytes(b"photos")
        >>> os.utime(folder / "a.tar", (10, 10))
        >>> subject = Subject((folder / "a.tar",), "names")
        >>> with Memory(folder / "memory", worth_s=0) as memory:
        ...     memory.look([subject])
        ...     memory.keep(subject, b"a listing")
        >>> with Memory(folder / "memory") as memory:
        ...     memory.look([subject])
        ...     memory.find(subject)
        b'a listing'
    """

    def __init__(self, path: Path | None, *, worth_s: float = _WORTH_S) -> None:
        self._path = path
        self._looks: dict[Location, str] = {}
        self._used: set[str] = set()
        self._waiting: list[tuple[str, str, int, bytes]] = []
        self._waiting_bytes = 0
        self._flushed = time.monotonic()
        self._worth_from = self._flushed + worth_s
        self._file: sqlite3.Connection | None = None
        if path is not None and path.exists():
            self._worth_from = self._flushed
            self._open(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flush()
        self._close()

    def look(self, subjects: Iterable[Subject]) -> None:
        """Take note of how the files of subjects look, before any of them is read.

        Raises:
            EnvironmentFault: the object store cannot be reached or refuses.
        """
        if self._path is not None:
            self._looks |= looks(file for subject in subjects for file in subject.files)

    def has(self, subject: Subject) -> bool:
        """Whether something is remembered of a subject whose files look as they did then."""
        query = "SELECT look FROM parts WHERE name = ?"
        row = self._try(lambda file: file.execute(query, (_name(subject),)).fetchone(), None)
        return row is not None and bool(row[0]) and row[0] == self._look_of(subject)

    def find(self, subject: Subject) -> bytes | None:
        """What is remembered of a subject whose files look as they did then."""
        look, name = self._look_of(subject), _name(subject)
        if not look:
            return None
        query = "SELECT look, sum, data FROM parts WHERE name = ?"
        row = self._try(lambda file: file.execute(query, (name,)).fetchone(), None)
        if row is None or row[0] != look or type(row[2]) is not bytes or crc32c(row[2]) != row[1]:
            return None
        self._used.add(name)
        found: bytes = row[2]
        return found

    def keep(self, subject: Subject, data: bytes) -> None:
        """Remember what has been read from files since `look`."""
        look, name = self._look_of(subject), _name(subject)
        if not look or self._path is None or len(data) > _LARGEST:
            return
        self._used.add(name)
        self._waiting.append((name, look, crc32c(data), data))
        self._waiting_bytes += len(data)
        if self._waiting_bytes > _FLUSH_BYTES or time.monotonic() > self._flushed + _FLUSH_S:
            self._flush()

    def recall(self, subject: Subject, make: Callable[[], Any]) -> Any:
        """A JSON value that is read from files: remembered, or made now; see `Recall`."""
        self.look([subject])
        if (data := self.find(subject)) is not None:
            return json.loads(data)
        value = make()
        self.keep(subject, json.dumps(value).encode())
        return value

    def forget_others(self) -> None:
        """Drop what has neither been found nor kept since this was opened: that of files that are gone."""
        self._flush()
        nothing = list[tuple[str]]()
        rows = self._try(lambda file: file.execute("SELECT name FROM parts").fetchall(), nothing)
        self._write("DELETE FROM parts WHERE name = ?", [row for row in rows if row[0] not in self._used])

    def _look_of(self, subject: Subject) -> str:
        texts = [self._looks.get(file, "") for file in subject.files]
        return "\n".join(texts) if all(texts) else ""

    def _flush(self) -> None:
        if time.monotonic() < self._worth_from or not self._waiting or self._path is None:
            return
        if self._file is None:
            self._open(self._path)
        self._write("INSERT OR REPLACE INTO parts VALUES (?, ?, ?, ?)", self._waiting)
        self._waiting, self._waiting_bytes, self._flushed = [], 0, time.monotonic()

    def _write(self, command: str, rows: list[Any]) -> None:
        def write(file: sqlite3.Connection) -> None:
            with file:
                file.executemany(command, rows)

        self._try(write, None)

    def _open(self, path: Path) -> None:
        def begin(file: sqlite3.Connection) -> None:
            file.execute("PRAGMA synchronous = OFF")  # what a lost power supply spoils is listed anew
            columns = "name TEXT PRIMARY KEY, look TEXT, sum INTEGER, data BLOB"
            file.execute(f"CREATE TABLE IF NOT EXISTS parts ({columns})")
            os.utime(path)

        try:
            make_folder(path.parent)
            self._file = sqlite3.connect(path, timeout=_BUSY_S)
        except (sqlite3.Error, OSError, MaskgenError):
            self._path = None
        self._try(begin, None)

    def _try(self, use: Callable[[sqlite3.Connection], T], instead: T) -> T:
        """Use the file if there is one; a failure ends the use of it."""
        if self._file is None:
            return instead
        try:
            return use(self._file)
        except (sqlite3.Error, OSError) as error:
            self._give_up(is_damaged=type(error) is sqlite3.DatabaseError)
            return instead

    def _give_up(self, *, is_damaged: bool) -> None:
        """Remove a file that is damaged, for a new one; another one that fails is left alone."""
        self._close()
        if is_damaged and self._path is not None:
            for path in (self._path, self._path.with_name(f"{self._path.name}-journal")):
                with contextlib.suppress(OSError):
                    path.unlink()
        else:
            self._path = None

    def _close(self) -> None:
        if self._file is not None:
            with contextlib.suppress(sqlite3.Error):
                self._file.close()
        self._file = None


def _name(subject: Subject) -> str:
    """A hash that no other subject has."""
    return digest([_FORMAT, __version__, [_address(file) for file in subject.files], subject.given])
