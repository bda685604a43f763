"""The cells of a suite as jobs: processes of `eval-ssl`."""

from __future__ import annotations

from dataclasses import dataclass

from maskgen.processes.places import Place

from .cells import Cell
from .folder import CellFolder, FolderJob

PROGRAM = ("-m", "maskgen.trainers", "eval")
"""`eval-ssl` behind ``python``."""


@dataclass(frozen=True, eq=False)
class CellJob(FolderJob[CellFolder]):
    """A cell as a job.

    Args:
        folder: of the cell.
    """

    @property
    def needs(self) -> list[str]:
        """The cells whose files it takes."""
        return [use.cell.name for use in self.folder.cell.uses.values()]

    def words(self, place: Place) -> list[str]:
        """The words behind ``python``."""
        device = place.words if self.folder.cell.command.knows("device") else []
        return [*PROGRAM, *task_words(self.folder), *device]

    def is_complete(self) -> bool:
        """Whether there is a result."""
        return bool(self.folder.results())


def task_words(one: CellFolder) -> list[str]:
    """The words behind ``eval-ssl`` that do a cell, without its device."""
    cell: Cell = one.cell
    used = {
        key: str(CellFolder(use.cell, one.output).path / use.file)
        if use.file
        else str(CellFolder(use.cell, one.output).path)
        for key, use in cell.uses.items()
    }
    own = {
        "checkpoint": cell.checkpoint.source,
        "backbone": cell.checkpoint.backbone,
        "output": str(one.path),
        "features": str(one.features),
        "seed": cell.seed,
    }
    known = {key: value for key, value in own.items() if cell.command.knows(key) and value != ""}
    return [cell.command.name, *cell.command.words({**cell.options, **used, **known})]
