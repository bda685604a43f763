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


def newest(
    folder: Path, warn: Callable[[str], None], take: Callable[[State], object] | None = None
) -> tuple[Path, State] | None:
    """The last checkpoint that is whole, read onto the CPU; None when the run has none yet.

    Damaged ones behind it are renamed to ``*.damaged``: each is warned about once and takes no whole one's
    place.

    Args:
        folder: of checkpoints.
        warn: told about each damaged one that was passed over.
        take: puts a state where it belongs; one that it cannot take counts as damaged, whatever it raises.

    Raises:
        ShardFault: there are checkpoints, and all are damaged.
    """
    found = steps(folder)
    damaged: list[tuple[Path, ShardFault]] = []
    for step in reversed(found):
        path = path_of(folder, step)
        try:
            state = load(path, take)
        except ShardFault as fault:
            # Without its remedy: the one before is taken.
            damaged.append((path, ShardFault(fault.what, where=fault.where, cause=fault.cause)))
            continue
        for torn, reason in damaged:
            _set_aside(torn)
            warn(f"{reason}\n  It is now called {torn.name}{ASIDE}; the one of step {step} is used.")
        return path, state
    if damaged:
        raise ShardFault(
            "no checkpoint is whole",
            where=str(folder),
            cause=damaged[0][1].cause,
            remedy="copy one back, or remove the folder to begin anew",
        ) from damaged[0][1]
    return None


def load(path: Path, take: Callable[[State], object] | None = None) -> State:
    """A checkpoint whose bytes are what its side file says, on the CPU.

    The hash says that the bytes are those that the side file speaks of, not who wrote both: content that
    nobody can make sense of is damage too.

    Args:
        path: of the checkpoint.
        take: as for `newest`.

    Raises:
        ShardFault: it, or its side file, is damaged or missing, or was not written by `save`.
        UsageError: it was written by a later version.
        EnvironmentFault: it cannot be read.
    """
    size, sha256 = _read_side(path)
    try:
        sound = path.is_file() and is_as_written(path, size, sha256)
    except OSError as error:
        raise EnvironmentFault(
            "cannot read a checkpoint",
            where=str(path),
            cause=str(error),
            remedy="check the disk, and that the file may be read",
        ) from error
    if not sound:
        raise ShardFault(
            "a checkpoint is damaged",
            where=str(path),
            cause="a torn write or bit rot",
            remedy="take an earlier one of its folder",
        )
    try:
        state = dict(torch.load(path, map_location="cpu", weights_only=True))
        if take is not None:
            take(state)
    except torch.OutOfMemoryError:  # the GPU's, which is no fault of the file
        raise
    except Exception as error:
        what = (str(error).strip() or "no more is known").splitlines()[0]
        raise ShardFault(
            "a checkpoint is damaged: its hash is right, its content is not",
            where=str(path),
            cause=f"{type(error).__name__}: {what}",
            remedy="take an earlier one of its folder",
        ) from error
    return state


def _read_side(path: Path) -> tuple[int, str]:
    """A checkpoint's length and SHA-256, by its side file."""
    side = _side(path)
    try:
        record = sealed_json.read(side)
        version, step = int(record["version"]), int(record["step"])
        size, sha256 = int(record["bytes"]), str(record["sha256"])
    except (ShardFault, KeyError, TypeError, ValueError, OverflowError) as fault:
        cause = "a torn write, bit rot, or a copy without its side file"
        raise ShardFault(
            "a checkpoint's side file is damaged",
            where=str(side),
            cause=cause,
            remedy="copy it again with its .json, or take an earlier one",
        ) from fault
    if version > VERSION:
        raise UsageError("a later version wrote this checkpoint", where=str(path), remedy="update maskgen")
    if path.stem != path_of(path.parent, step).stem:
        cause = f"it is that of step {step}"
        raise ShardFault(
            "a checkpoint lies under another's name",
            where=str(path),
            cause=cause,
            remedy="give it its own name again",
        )
    return size, sha256


def _set_aside(path: Path) -> None:
    """The side file goes first: without it the other does not count.

    On a read-only disk they stay as they are.
    """
    for file in (_side(path), path):
        with contextlib.suppress(OSError):
            file.replace(file.with_name(file.name + ASIDE))


def _side(path: Path) -> Path:
    return path.with_suffix(".json")
