"""The members of a tar file that may be compressed."""

from __future__ import annotations

from collections.abc import Iterator

from maskgen.io.storage.location import Location
from maskgen.io.storage.reading import open_bytes
from maskgen.io.tars import ReadAt, TarMember, tar_fault, walk
from maskgen.io.zip_member import ContainerFault

from .gzips import GzipStream

SPARSE_LEFT_OUT = (
    "tar member stored as a sparse file was left out; write the tar again without --sparse",
    "tar members stored as sparse files were left out; write the tar again without --sparse",
)


def tar_members(path: Location) -> Iterator[tuple[TarMember, ReadAt]]:
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
            with open_bytes(path) as file:
                for member in walk(file.read_at, str(path), end=file.length()):
                    yield member, file.read_at
    except ContainerFault as error:
        raise tar_fault(str(path), f"{error.reason}, {error.detail}") from error
    except OSError as error:
        raise tar_fault(str(path), str(error.strerror)) from error


def is_gzip(path: Location) -> bool:
    """Whether a file begins as gzip does, whatever its name.

    Raises:
        SourceFault: the file cannot be read.
    """
    try:
        with open_bytes(path) as file:
            return file.read_at(0, 2) == b"\x1f\x8b"
    except OSError as error:
        raise tar_fault(str(path), str(error.strerror)) from error
