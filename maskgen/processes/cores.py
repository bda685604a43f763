"""How many cores this process may use: those of its machine, as far as a container lets it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable_cores(groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """The cores that this process may be put on, or fewer: as many as its control groups give it time for.

    A container with a limit of cores (``docker run --cpus 2``, a pod's ``limits``) still sees all cores of
    its machine; a worker for each of them would share the time of two. Source: the kernel's control groups,
    version 2, ``cpu.max``; a part of a core counts as one.

    Args:
        groups: where the control groups are mounted.
        own: says which of them this process is in.
    """
    limits = [math.ceil(limit) for limit in _limits(groups, own)]
    return max(1, min([len(os.sched_getaffinity(0)), *limits]))


def _limits(groups: Path, own: Path) -> Iterator[float]:
    """The limits of a process's group and of those around it, in cores."""
    for folder in _folders(groups, own):
        try:
            allowed, period = (folder / "cpu.max").read_text().split()
            if allowed != "max":
                yield int(allowed) / int(period)
        except (OSError, ValueError, ZeroDivisionError):  # version 1, or no file where there is no limit
            continue


def _folders(groups: Path, own: Path) -> Iterator[Path]:
    try:
        lines = own.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        if line.startswith("0::/"):
            path = PurePosixPath(line[4:])
            yield from (groups / part for part in (path, *path.parents))
