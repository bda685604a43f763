"""Files that pictures are written to: what is there already, and may be replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from maskgen.config.fingerprint import differences
from maskgen.errors import UsageError

from .stamp import read_stamp


def check_target(target: Path, settings: dict[str, Any], *, overwrite: bool) -> None:
    """Refuse to replace what was not made by these settings.

    An empty file, as a power failure leaves it, is in nobody's way.

    Args:
        target: the file.
        settings: of what is to be written there.
        overwrite: whether pictures of other settings are replaced; files of others never are.

    Raises:
        UsageError: a file is in the way.
    """
    if not target.exists() or (target.is_file() and not target.stat().st_size):
        return
    found = read_stamp(target)[0] if target.is_file() else None
    if found is None:
        raise UsageError(
            "this was not made by maskgen mask, and is not replaced",
            where=str(target),
            remedy="choose another place for the masks, or remove it",
        )
    lines = [] if overwrite else differences(found.settings, settings)
    if lines:
        raise UsageError(
            f"{target} was made with other settings:\n    " + "\n    ".join(lines),
            remedy="repeat the old settings to resume, or choose another place; --overwrite replaces what "
            "maskgen mask has made",
        )
