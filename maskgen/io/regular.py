"""Opening what should be a regular file, and may have become a FIFO or a device, without ever waiting."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path


def open_regular(path: Path) -> int:
    """A descriptor to read a regular file by; the caller closes it.

    To open a FIFO for reading waits for a writer, and some devices never end: neither is read, even where one
    took the file's place a moment ago.

    Raises:
        OSError: it cannot be opened, or is no regular file.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.io.regular import open_regular
        >>> open_regular(Path("/dev/zero"))
        Traceback (most recent call last):
        OSError: [Errno 22] not a regular file: '/dev/zero'
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def read_regular(path: Path) -> bytes:
    """The content of a regular file.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    with os.fdopen(open_regular(path), "rb") as file:
        return file.read()
