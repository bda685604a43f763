"""What a data set's files are fetched from, an object store or a slow folder, and its faults."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from maskgen.errors import EnvironmentFault, ShardFault
from maskgen.io.storage.location import Location, file_sizes, lacks_bucket
from maskgen.io.storage.reading import read_parts


def read_sizes(folder: Location) -> dict[str, int]:
    """The files directly in a folder, by name, and their sizes, bytes.

    Raises:
        ShardFault: no such folder or bucket.
        EnvironmentFault: it cannot be reached or read.
    """
    with _faults(folder):
        return file_sizes(folder)


def fetch_parts(file: Location, size: int) -> Iterator[bytes]:
    """The first `size` bytes of a file in parts.

    Raises:
        ShardFault: no such file, or it is shorter.
        EnvironmentFault: it cannot be reached or read.
    """
    with _faults(file):
        try:
            yield from read_parts(file, size)
        except EOFError as error:
            raise ShardFault(
                f"a file has {error.args[0]} bytes, {size} are recorded",
                where=str(file),
                cause="an incomplete copy",
                remedy="copy it there again",
            ) from error


@contextlib.contextmanager
def _faults(place: Location) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        if lacks_bucket(place):
            raise ShardFault(
                "there is no such bucket", where=str(place), remedy="check the address"
            ) from error
        raise ShardFault(
            "a file of the data set is not there",
            where=str(place),
            cause="an incomplete copy, or another address",
            remedy="check the address, or copy the data set there again",
        ) from error
    except OSError as error:
        raise EnvironmentFault(
            "cannot read the data set's folder",
            where=str(place),
            cause=str(error),
            remedy="check the path, and that it may be read",
        ) from error
