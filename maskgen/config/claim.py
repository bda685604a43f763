"""A folder that belongs to one configuration.

Free for a new one, resumed by the same one, refused to any other.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .fingerprint import differences

Facts = dict[str, Any]
REPEAT = "repeat the old settings to resume, or choose another --output"


def claim_folder(
    folder: object,
    wanted: Facts,
    stored: Callable[[], Facts | None],
    *,
    check_free: Callable[[], None],
    explain: Callable[[], list[str]] = list,
    explained: Sequence[str] = (),
    remedy: str = REPEAT,
) -> bool:
    """Whether a folder already belongs to this configuration: then its work is resumed.

    Who calls it writes the configuration into a folder that was free; the file is the caller's own.

    Args:
        folder: the output folder or its address; nothing need be there.
        wanted: the configuration as JSON values, flat or nested.
        stored: reads the folder's configuration; None when it holds none.
        check_free: refuses a folder that holds no configuration and is not free either.
        explain: more lines on what differs, asked for when something does.
        explained: fields, and groups of fields, whose lines would say nothing beside the others: a hash, or
            what follows from another field.
        remedy: what to do about other settings.

    Returns:
        True: it is this configuration's; False: it is free.

    Raises:
        UsageError: it belongs to another configuration (each field that differs is named), or is not free.

    Example:
        >>> stored = {"seed": 1, "side": 64}
        >>> claim_folder(Path("out"), {"seed": 1, "side": 64}, lambda: stored, check_free=lambda: None)
        True
        >>> claim_folder(Path("out"), {"seed": 2, "side": 64}, lambda: stored, check_free=lambda: None)
        Traceback (most recent call last):
        maskgen.errors.UsageError: the output folder out was made with other settings:
            seed: 1 -> 2
          Next: repeat the old settings to resume, or choose another --output.
    """
    before = stored()
    if before is None:
        check_free()
        return False
    lines = differences(before, json.loads(json.dumps(wanted)))
    if lines:
        silent = tuple(f"{name}{mark}" for name in explained for mark in (": ", "."))
        told = [line for line in lines if not line.startswith(silent)]
        raise UsageError(
            f"the output folder {folder} was made with other settings:\n    "
            + "\n    ".join([*told, *explain()]),
            remedy=remedy,
        )
    return True


def check_empty(folder: Path, holds: str, remedy: str = "choose another --output") -> None:
    """Refuse a folder with anything visible in it.

    Args:
        folder: may be absent.
        holds: what it should hold if it is not empty, as ``run``.
        remedy: what to do where it is not.

    Raises:
        UsageError: it is a file, or holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(entry.name[0] != "." for entry in folder.iterdir())):
        raise UsageError(
            f"the output folder is not empty and holds no {holds}",
            where=str(folder),
            remedy=remedy,
        )
