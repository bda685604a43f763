"""Files of any place as local ones, for what reads a file several times."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ..atomic import disk_errors
from .location import Location, ObjectLocation, not_there
from .reading import AT_A_TIME, MOST_BYTES, open_stream, read_parts


@contextlib.contextmanager
def nearby(folder: Location, names: Iterable[str]) -> Iterator[Path]:
    """A local folder with files of another: itself, or for an object store a temporary copy.

    A file that is not there is not in the copy either.

    Args:
        folder: it.
        names: of files in it.

    Raises:
        EnvironmentFault: the store cannot be reached or refuses, or the disk is full.
    """
    if not isinstance(folder, ObjectLocation):
        yield folder
        return
    with contextlib.ExitStack() as stack:
        with disk_errors(Path(tempfile.gettempdir())):
            near = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="maskgen-")))
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            list(pool.map(lambda name: copy_to(folder / name, near / name), names))
        yield near


def object_parts(place: Location, what: str) -> tuple[int, Iterator[bytes]]:
    """The size of a file in bytes, and its content in parts.

    Args:
        place: of the file.
        what: it is, for the error.

    Raises:
        UsageError: it is not there, nor the bucket perhaps.
        OSError: it cannot be read, or was changed meanwhile.
        EnvironmentFault: the store cannot be reached or refuses.
    """
    try:
        size = place.stat().st_size
    except FileNotFoundError as error:
        raise not_there(place, what, "check its address") from error
    return size, read_parts(place, size)


def copy_to(place: Location, path: Path) -> bool:
    """Copy a file to a new local one.

    Returns:
        False: it is not there.

    Raises:
        EnvironmentFault: the store cannot be reached or refuses, or the disk is full.
    """
    with open_stream(place) as source:
        try:
            part = source.read(MOST_BYTES)
        except FileNotFoundError:
            return False
        with disk_errors(path), path.open("wb") as file:
            while part:
                file.write(part)
                part = source.read(MOST_BYTES)
    return True
