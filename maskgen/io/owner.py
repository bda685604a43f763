"""Who owns an unfinished file or works in a folder, and whether that process is gone.

An owner writes its name into the file's name and holds a lock on the file. The lock dies with the process, in
any container and on any machine that sees it; the name tells where the lock may not be seen.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import functools
import hashlib
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

LEASE_S = 24 * 3600.0
"""An unlocked file that nobody has written to for so long is nobody's."""
_LOCAL = {
    0xEF53,  # ext2, ext3, ext4
    0x58465342,  # xfs
    0x9123683E,  # btrfs
    0xF2F52010,  # f2fs
    0x2FC12FC1,  # zfs
    0xCA451A4E,  # bcachefs
    0x794C7630,  # overlayfs
    0x01021994,  # tmpfs
    0x858458F6,  # ramfs
    0x4D44,  # vfat
    0x2011BAB0,  # exfat
}
"""Types of file systems that one kernel alone mounts (statfs(2)): all who use a file see its locks."""


class _Owner(NamedTuple):
    """A process as partial names tell it; numbers as text."""

    place: str
    pid: str
    start: str


def owner_name() -> str:
    """This process, as ``HOST-PLACE-PID-START``: no other has that name, on any machine or in any container.

    The place is a hash of the kernel's boot id and the PID namespace, the start the process's start time.
    """
    host = socket.gethostname().replace(".", "_")  # two hosts of one domain must not look alike
    return f"{host}-{_place()}-{os.getpid()}-{_start_of(os.getpid())}"


@functools.cache
def _place() -> str:
    """Where a PID means one process: eight hexadecimal digits; empty where /proc does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        return hashlib.sha256((boot + os.readlink("/proc/self/ns/pid")).encode()).hexdigest()[:8]  # noqa: PTH115
    except OSError:
        return ""


def _start_of(pid: int | str) -> str:
    """When a process started, in clock ticks since the boot; empty when none of that number runs.

    One that has ended stays in /proc until its parent asks for its status, which the first process of many
    containers never does.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _owner_of(name: str) -> _Owner | None:
    """The owner in a partial name ``.NAME.HOST-PLACE-PID-START-RANDOM.partial``; None in another."""
    words = name.removesuffix(".partial").rpartition(".")[2].rsplit("-", 4)
    return _Owner(*words[1:4]) if len(words) == 5 else None


def take(descriptor: int) -> bool:
    """Lock a file that this process has just made.

    Returns:
        False: another process has claimed it in that very moment. True where there are no locks.
    """
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass
    return True


def release(descriptor: int) -> None:
    """Unlock a file that is finished: readers may lock it now."""
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextlib.contextmanager
def claim_abandoned(path: Path, now: float | None = None) -> Iterator[bool]:
    """Whether an unfinished file's owner is gone; inside, nobody else can claim the file.

    A locked file has an owner. An unlocked one has none when nobody has written to it for LEASE_S, when its
    owner is a process of this place that has ended, or when the file system is this machine's alone.

    Args:
        path: the file.
        now: seconds since the epoch, by default the present.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)  # NFS locks for a writer only
    except OSError:
        yield False
        return
    try:
        yield _is_abandoned(path, descriptor, time.time() if now is None else now)
    finally:
        os.close(descriptor)


def _is_abandoned(path: Path, descriptor: int, now: float) -> bool:
    locks = True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        locks = False
    if now - os.fstat(descriptor).st_mtime > LEASE_S:
        return True
    owner = _owner_of(path.name)
    if owner and owner.place and owner.place == _place():
        return (_start_of(owner.pid) or None) != owner.start
    return locks and is_local(path)


@contextlib.contextmanager
def share_folder(folder: Path, make: Callable[[], None]) -> Iterator[Callable[[], bool]]:
    """Be seen by whoever else works in a folder; waits while one that was alone there empties or removes it.

    Args:
        folder: to be seen in.
        make: makes it where it is absent.

    Yields:
        A function that tells whether surely nobody else is in the folder, and if so keeps all others out to
        the end. Where locks may go unseen it says False.

    Raises:
        OSError: the folder cannot be opened.
    """
    make()
    while (held := _lock_shared(folder)) is None:
        make()
    descriptor, locks = held

    def is_alone() -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return locks and is_local(folder)

    try:
        yield is_alone
    finally:
        os.close(descriptor)


def _lock_shared(folder: Path) -> tuple[int, bool] | None:
    """A descriptor with a shared lock, and whether there are locks; None if the folder is gone by then."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    locks = True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError:
        locks = False
    with contextlib.suppress(FileNotFoundError):
        if os.path.samestat(os.fstat(descriptor), folder.stat()):
            return descriptor, locks
    os.close(descriptor)
    return None


def is_local(path: Path) -> bool:
    """Whether a path lies on a file system of this machine alone, where a lock is seen by all its users.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.io.owner import is_local
        >>> is_local(Path("/proc"))
        False
    """
    facts = ctypes.create_string_buffer(256)  # larger than struct statfs, which begins with its type
    if ctypes.CDLL(None, use_errno=True).statfs(os.fsencode(path), facts):
        return False
    return ctypes.c_long.from_buffer(facts).value & 0xFFFFFFFF in _LOCAL
