"""The descriptors of this process that lead into a folder.

All of the process's cannot be counted: what other tests left may be collected at any time.
"""

from __future__ import annotations

from pathlib import Path


def leading_into(folder: Path) -> list[str]:
    """What the open descriptors that lead into ``folder`` lead to, removed files too, once each."""
    targets = []
    for descriptor in Path("/proc/self/fd").iterdir():
        try:
            target = str(descriptor.readlink())
        except FileNotFoundError:  # the listing's own
            continue
        if target.startswith(f"{folder.resolve()}/"):
            targets.append(target)
    return sorted(targets)
