"""The table of gpu.py: rows, what became of a part, and the heading that says of what the figures are."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Args:
        case: of a part.
        figure: what was measured; None where nothing was.
        unit: of the figure.
        note: beside it, or why there is none.
    """

    case: str
    figure: float | None = None
    unit: str = ""
    note: str = ""


@dataclass(frozen=True)
class Part:
    """One process.

    Args:
        name: of the part.
        cases: that it reports, in the order of the table.
        limit_s: its time.
    """

    name: str
    cases: tuple[str, ...]
    limit_s: float


@dataclass(frozen=True)
class Outcome:
    """What became of a part: its rows, and in `problem` why some are missing."""

    part: Part
    rows: list[Row]
    seconds: float
    problem: str = ""

    def all_rows(self) -> list[Row]:
        """A row for every case; the last one given counts."""
        found = {row.case: row for row in self.rows}
        missing = self.problem or "no figure was given"
        return [found.get(case, Row(case, note=missing)) for case in (*self.part.cases, *_extra(self))]


def _extra(outcome: Outcome) -> list[str]:
    named = dict.fromkeys(row.case for row in outcome.rows)
    return [case for case in named if case not in outcome.part.cases]


def report(rows: Path, row: Row) -> None:
    """From inside a part: one row more, or a better figure for one that was there."""
    with rows.open("a") as file:
        file.write(json.dumps(asdict(row)) + "\n")


def read_rows(path: Path) -> list[Row]:
    """What a part has reported; a line torn by its end is left out."""
    text = path.read_text() if path.exists() else ""
    return [Row(**json.loads(line)) for line in text[: text.rfind("\n") + 1].splitlines()]


def hardware(device: str) -> list[str]:
    """What the figures are of, as lines."""
    import torch

    name = torch.cuda.get_device_name() if device == "cuda" else f"CPU {platform.machine()}"
    cores, python = len(os.sched_getaffinity(0)), platform.python_version()
    software = {
        "torch": f"{torch.__version__} (CUDA {torch.version.cuda})",
        "torchvision": _version("torchvision"),
        "DALI": _version("nvidia-dali-cuda130", "nvidia-dali-cuda120"),
        "maskgen": _version("maskgen"),
    }
    return [
        f"Device: **{name}**, {cores} CPU cores, Python {python}",
        ", ".join(f"{package} {version}" for package, version in software.items()),
    ]


def _version(*names: str) -> str:
    for name in names:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return "not installed"


def table(heading: list[str], outcomes: list[Outcome]) -> str:
    """Everything as Markdown."""
    lines = ["# One GPU", "", *(f"{line}  " for line in heading), ""]
    lines += ["| part | case | figure | unit | note |", "|---|---|---:|---|---|"]
    lines += [_line(outcome.part.name, row) for outcome in outcomes for row in outcome.all_rows()]
    spent = ", ".join(f"{outcome.part.name} {outcome.seconds:.0f} s" for outcome in outcomes)
    return "\n".join([*lines, "", f"Time: {spent}.", ""])


def _line(part: str, row: Row) -> str:
    figure = "-" if row.figure is None else f"{row.figure:,.4g}" if row.figure < 1e4 else f"{row.figure:,.0f}"
    note = row.note.replace("|", "\\|").replace("\n", " ")
    return f"| {part} | {row.case} | {figure} | {row.unit} | {note} |"
