"""The folder of a cell: what it was made with, whether it is done, and its result."""

from __future__ import annotations

import functools
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from maskgen.config.claim import check_empty
from maskgen.config.fingerprint import differences
from maskgen.errors import UsageError
from maskgen.io.atomic import file_sha256, make_folder, write_atomic

from .cells import Cell

RECORD, LOG = "cell.json", "log.txt"
_RUN_FILE = "backbone.safetensors"
AGAIN = "--changed again runs such cells anew, or choose another --output"


class RecordedFolder:
    """A folder of one piece of work, with a record of what it was made with: ``cell.json``."""

    @property
    def name(self) -> str:
        """Of the work, for errors."""
        raise NotImplementedError

    @property
    def path(self) -> Path:
        """The folder."""
        raise NotImplementedError

    @property
    def settings(self) -> dict[str, Any]:
        """All that the result depends on, as JSON values."""
        raise NotImplementedError

    @property
    def log(self) -> Path:
        """The file that gets what the work says."""
        return self.path / LOG

    def record(self) -> dict[str, Any] | None:
        """What ``cell.json`` says; None: the folder has none."""
        try:
            found: dict[str, Any] = json.loads((self.path / RECORD).read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise UsageError(
                "the record of a cell is damaged",
                where=str(self.path / RECORD),
                cause=str(error),
                remedy="remove the cell's folder",
            ) from error
        return found

    def changes(self) -> list[str]:
        """In what the settings differ from those that the folder was made with, a line a field.

        Raises:
            UsageError: the folder is not of a suite.
        """
        record = self.record()
        if record is None:
            check_empty(self.path, "cell of a suite")
            return []
        return differences(record["settings"], json.loads(json.dumps(self.settings)))

    def is_done(self) -> bool:
        """Whether the work has ended well, with any settings."""
        return (self.record() or {}).get("state") == "done"

    def clear(self) -> None:
        """Remove what other settings have made."""
        if self.record() is not None:
            shutil.rmtree(self.path)

    def note(self, state: str, **facts: Any) -> None:
        """Write ``cell.json``.

        Args:
            state: ``begun``, ``done`` or ``failed``.
            facts: of how it ended.
        """
        make_folder(self.path)
        text = json.dumps({"state": state, **facts, "settings": self.settings}, indent=1)
        write_atomic(self.path / RECORD, (text + "\n").encode())


Folder = TypeVar("Folder", bound=RecordedFolder)


@dataclass(frozen=True, eq=False)
class FolderJob(Generic[Folder]):
    """Work with a folder as a job: what all kinds of it share.

    Args:
        folder: of the work.
    """

    folder: Folder

    @property
    def name(self) -> str:
        """The work's."""
        return self.folder.name

    @property
    def devices(self) -> int:
        """One."""
        return 1

    @property
    def log(self) -> Path:
        """In its folder."""
        return self.folder.log

    def note(self, state: str, **facts: Any) -> None:
        """See `RecordedFolder.note`."""
        self.folder.note(state, **facts)


@dataclass(frozen=True, eq=False)
class CellFolder(RecordedFolder):
    """A cell and its folder.

    Args:
        cell: it.
        output: folder of the suite.
    """

    cell: Cell
    output: Path

    @property
    def name(self) -> str:
        """The cell's."""
        return self.cell.name

    @property
    def path(self) -> Path:
        """The folder."""
        return self.output / self.cell.name

    @property
    def settings(self) -> dict[str, Any]:
        """The cell's."""
        return self.cell.settings

    @property
    def features(self) -> Path:
        """Folder of the features that all tasks of the checkpoint share."""
        return self.output / self.cell.checkpoint.name / "features"

    def results(self) -> dict[str, Any]:
        """The JSON files that the task has left in its folder, by name."""
        found = {}
        for path in sorted(self.path.glob("*.json")):
            if path.name != RECORD:
                found[path.name] = json.loads(path.read_text())
        return found


def weights_mark(source: str, base: Path) -> str:
    """SHA-256 of a checkpoint's file, so that a cell knows when it has become another.

    A process computes it once for a file, and again when the file has changed.

    Args:
        source: as --checkpoint; of a run's folder the last checkpoint counts, else the finished backbone.
        base: that relative paths start from.

    Returns:
        Empty where there is no file, as for ``random``.

    Example:
        >>> from maskgen.trainers.evaluations.suite.folder import weights_mark
        >>> weights_mark("random", Path("."))
        ''
    """
    place = base / source.rpartition("=")[2] if source.startswith("timm:") else base / source
    if place.is_dir():
        whole = place / _RUN_FILE
        last = sorted([*place.glob("step-*.pt"), *place.glob("checkpoints/step-*.pt")])
        place = last[-1] if last else whole
    if not place.is_file():
        return ""
    facts = place.stat()
    return _sha256(place, facts.st_ino, facts.st_size, facts.st_mtime_ns)


@functools.cache
def _sha256(file: Path, *_facts: int) -> str:
    """Of a file as long as its facts are the same."""
    return file_sha256(file)
