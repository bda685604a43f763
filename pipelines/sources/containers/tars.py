"""The members of a tar file that may be compressed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from maskgen.io.tars import ReadAt, TarMember, slice_reader, tar_fault, walk

from .gzips import ContainerFault, GzipStream

SPARSE_LEFT_OUT = (
    "tar member stored as a sparse file was left out; write the tar again without --sparse",
    "tar members stored as sparse files were left out; write the tar again without --sparse",
)


def tar_members(path: Path) -> Iterator[tuple[TarMember, ReadAt]]:
    """Every member of a tar file, gzip-compressed or not, with the function that reads its bytes.

    For gzip the offsets are those of the decompressed stream, and reading is cheap only going forward.

    Raises:
        SourceFault: the archive is truncated, corrupt, hostile or cannot be read.
    """
    try:
        if is_gzip(path):
            stream = GzipStream(path)
            try:
                for member in walk(stream.read_at, str(path)):
                    yield member, stream.read_at
            finally:
                stream.close()
        else:
            with path.open("rb") as file:
                end = os.fstat(file.fileno()).st_size
                read_at = slice_reader(file.fileno())
                for member in walk(read_at, str(path), end=end):
                    yield member, read_at
    except ContainerFault as error:
        raise tar_fault(str(path), f"{error.reason}, {error.detail}") from error
    except OSError as error:
        raise tar_fault(str(path), str(error.strerror)) from error


def is_gzip(path: Path) -> bool:
    """Whether a file begins as gzip does, whatever its name.

    Raises:
        SourceFault: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(2) == b"\x1f\x8b"
    except OSError as error:
        raise tar_fault(str(path), str(error.strerror)) from error
