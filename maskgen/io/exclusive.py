"""A name given to a file only where nothing has it, with or without hard links."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path

from ..errors import EnvironmentFault

_NO_LINKS = {errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP}
_NO_SUCH_RENAME = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP}
_AT_FDCWD = -100
_RENAME_NOREPLACE = 1


class ExclusiveNamesFault(EnvironmentFault):
    """A file system that has neither hard links nor a rename that replaces nothing."""


def create_name(path: Path, final: Path) -> None:
    """Give a file a name that nothing has; whether it keeps its old one too depends on the file system.

    By a hard link, or by renameat2(2) where there are none: vfat, exFAT, some network mounts.

    Raises:
        FileExistsError: something has that name.
        ExclusiveNamesFault: this file system can do neither.
        OSError: from the disk.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from maskgen.io.exclusive import create_name
        >>> folder = tempfile.TemporaryDirectory()
        >>> old, new = Path(folder.name, "old"), Path(folder.name, "new")
        >>> _ = old.write_text("content")
        >>> create_name(old, new)
        >>> new.read_text()
        'content'
        >>> folder.cleanup()
    """
    try:
        os.link(path, final)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        _rename_to_new(path, final, error)


def _rename_to_new(path: Path, final: Path, no_link: OSError) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if not libc.renameat2(
        _AT_FDCWD, os.fsencode(path), _AT_FDCWD, os.fsencode(final), ctypes.c_uint(_RENAME_NOREPLACE)
    ):
        return
    code = ctypes.get_errno()
    if code in _NO_SUCH_RENAME:
        raise ExclusiveNamesFault(
            "shards cannot be made on this file system: it has neither hard links nor a rename that "
            "replaces nothing, so two runs could overwrite each other's shards",
            where=str(final.parent),
            cause="a mount by FUSE, of exFAT or an object store for example",
            remedy="make them in a folder on another file system, then copy that folder here",
        ) from no_link
    raise OSError(code, os.strerror(code), str(final))
