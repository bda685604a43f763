"""Checkpoints: whole or absent, hashed, the last two kept.

``step-000000120.pt`` holds tensors and plain values only (read with ``weights_only=True``).
``step-000000120.json``, sealed, is written last and says how long it is and what its SHA-256 is: a file
without one does not exist.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from maskgen.errors import EnvironmentFault, ShardFault, UsageError
from maskgen.io.atomic import (
    PartialFile,
    disk_errors,
    fsync_folder,
    is_as_written,
    sweep_partials,
    unhidden_disk_errors,
    write_atomic,
)
from maskgen.shards import sealed_json

FOLDER = "checkpoints"
VERSION = 1
KEPT = 2
ASIDE = ".damaged"
"""Ending of damaged checkpoints that were passed over; they may be removed."""
_NAME = re.compile(r"step-(\d{9})\.json")

State = dict[str, Any]


def path_of(folder: Path, step: int) -> Path:
    """Where the checkpoint of a step lies."""
    return folder / f"step-{step:09d}.pt"


def save(
    folder: Path, step: int, state: State, *, facts: dict[str, Any] | None = None, keep: int = KEPT
) -> Path:
    """Write a checkpoint, then drop all but the last `keep`.

    Args:
        folder: made if it is absent.
        step: optimizer steps done.
        state: nested dicts and lists of tensors, numbers and strings.
        facts: more for the side file.
        keep: how many stay, from 1.

    Returns:
        The file's path.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    sweep_partials(folder)
    path = path_of(folder, step)
    _side(path).unlink(missing_ok=True)  # an old one under this name must not vouch for the new file
    with PartialFile(path) as partial:
        with unhidden_disk_errors():
            torch.save({"version": VERSION, **state}, partial)  # type: ignore[arg-type] # it only writes
        partial.sync()
        partial.publish()
        record = {
            "version": VERSION,
            "step": step,
            "bytes": partial.size,
            "sha256": partial.sha256,
            **(facts or {}),
        }
    fsync_folder(folder)
    write_atomic(_side(path), sealed_json.render(record))
    for old in steps(folder)[:-keep]:
        with contextlib.suppress(FileNotFoundError):
            _side(path_of(folder, old)).unlink()
            path_of(folder, old).unlink()
    return path


def steps(folder: Path) -> list[int]:
    """Steps that have a side file, in order; none when there is no folder."""
    found = (_NAME.fullmatch(path.name) for path in folder.iterdir()) if folder.is_dir() else ()
    return sorted(int(match[1]) for match in found if match)


def newest(folder: Path, warn: Callable[[str], None]) -> tuple[Path, State] | None:
    """The last checkpoint that is whole, read onto the CPU; None when the run has none yet.

    Damaged ones behind it are renamed to ``*.damaged``: each is warned about once and takes no whole one's
    place.

    Args:
        folder: of checkpoints.
        warn: told about each damaged one that was passed over.

    Raises:
        ShardFault: there are checkpoints, and all are damaged.
    """
    found = steps(folder)
    damaged: list[tuple[Path, ShardFault]] = []
    for step in reversed(found):
        path = path_of(folder, step)
        try:
            state = load(path)
        except ShardFault as fault:
            damaged.append((path, fault))
            continue
        for torn, reason in damaged:
            _set_aside(torn)
            warn(f"{reason}\n  It is now called {torn.name}{ASIDE}; the one of step {step} is used.")
        return path, state
    if found:
        raise ShardFault(
            "no checkpoint is whole",
            where=str(folder),
            remedy="copy one back, or remove the folder to begin anew",
        )
    return None


def load(path: Path) -> State:
    """A checkpoint whose bytes are what its side file says, on the CPU.

    Raises:
        ShardFault: it, or its side file, is damaged or missing.
        UsageError: it was written by a later version.
        EnvironmentFault: it cannot be read.
    """
    try:
        record = sealed_json.read(_side(path))
    except ShardFault as fault:
        cause = "a torn write, bit rot, or a copy without its side file"
        raise ShardFault(
            "a checkpoint's side file is damaged", where=str(_side(path)), cause=cause
        ) from fault
    try:
        sound = is_as_written(path, record["bytes"], record["sha256"])
    except OSError as error:
        raise EnvironmentFault("cannot read a checkpoint", where=str(path), cause=str(error)) from error
    if not sound:
        raise ShardFault("a checkpoint is damaged", where=str(path), cause="a torn write or bit rot")
    if record["version"] > VERSION:
        raise UsageError("a later version wrote this checkpoint", where=str(path), remedy="update maskgen")
    state: State = torch.load(path, map_location="cpu", weights_only=True)
    return state


def _set_aside(path: Path) -> None:
    """The side file goes first: without it the other does not count.

    On a read-only disk they stay as they are.
    """
    for file in (_side(path), path):
        with contextlib.suppress(OSError):
            file.replace(file.with_name(file.name + ASIDE))


def _side(path: Path) -> Path:
    return path.with_suffix(".json")
