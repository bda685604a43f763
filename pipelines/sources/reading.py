"""The bytes behind a `ByteRef`, read with bounded memory and a bounded number of open files."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

from maskgen.errors import ImageFault, SourceFault
from maskgen.io.storage.location import Location, ObjectLocation
from maskgen.io.storage.reading import ByteFile, open_bytes
from maskgen.io.zip_member import ContainerFault, read_member
from maskgen.types import ByteRef

from .ahead import Ahead
from .containers.gzips import GzipStream

_MAX_FILES = 16
_MAX_OBJECTS = 2  # each holds what it read ahead, up to 4 MiB, or its last photo
_MAX_STREAMS = 2


class ByteReader:
    """Reads images by reference; cheap to make, so that each worker process makes its own.

    References into a gzip stream are fast in their own order only: going back starts the stream again. An
    object store is asked for ranges, which grow while a file is read onwards.

    Args:
        root: the folder that every `ByteRef.file` is relative to.
        max_bytes: refuse larger images before reading them.
    """

    def __init__(self, root: Location, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._most = _MAX_OBJECTS if isinstance(root, ObjectLocation) else _MAX_FILES
        self._files: OrderedDict[str, ByteFile] = OrderedDict()
        self._streams: OrderedDict[str, GzipStream] = OrderedDict()
        self._ahead = Ahead(root, max_bytes) if isinstance(root, ObjectLocation) else None

    def expect(self, refs: Sequence[ByteRef]) -> None:
        """Say what will be read next, in this order: an object store is asked for some of it beforehand."""
        if self._ahead:
            self._ahead.expect(refs)

    def read(self, ref: ByteRef) -> bytes:
        """Exactly `ref.size` bytes.

        Raises:
            ImageFault: ``too-many-bytes``, ``truncated-source``, ``corrupt-source``, ``unsupported-source``,
                ``gzip-bomb`` or ``unreadable`` (vanished, no permission, input/output error).
            SourceFault: the reference is not one that a source makes.
            EnvironmentFault: the object store cannot be reached or refuses: no fault of the image.
        """
        if ref.codec not in ("", "gzip", "zip") or ref.size < 0 or ref.offset < 0 or not _is_inside(ref.file):
            raise SourceFault(
                "a plan refers to bytes that no source has", where=str(ref), remedy="make the plan again"
            )
        if ref.size > self._max_bytes:
            raise ImageFault("too-many-bytes", f"{ref.size} bytes, cap {self._max_bytes}")
        try:
            data = self._read(ref)
        except ContainerFault as error:
            self._forget(ref.file)  # the answer must not depend on what was read before
            raise ImageFault(error.reason, f"{ref.file}: {error.detail}") from error
        except OSError as error:
            self._forget(ref.file)
            raise ImageFault("unreadable", f"{ref.file}: {error.strerror or error}") from error
        if len(data) != ref.size:
            raise ImageFault(
                "truncated-source", f"{ref.file}: {len(data)} of {ref.size} bytes at {ref.offset}"
            )
        return data

    def close(self) -> None:
        """Close every open file."""
        for name in [*self._files, *self._streams]:
            self._forget(name)

    def _read(self, ref: ByteRef) -> bytes:
        if ref.codec == "gzip":
            return self._stream(ref.file).read_at(ref.offset, ref.size)
        if self._ahead and (data := self._ahead.take(ref)) is not None:
            return data
        file = self._file(ref.file)
        return read_member(file.read_at, ref) if ref.codec == "zip" else file.read_at(ref.offset, ref.size)

    def _file(self, name: str) -> ByteFile:
        if name in self._files:
            self._files.move_to_end(name)
            return self._files[name]
        while len(self._files) >= self._most:
            self._files.popitem(last=False)[1].close()
        self._files[name] = open_bytes(self._root / name)
        return self._files[name]

    def _stream(self, name: str) -> GzipStream:
        if name in self._streams:
            self._streams.move_to_end(name)
            return self._streams[name]
        while len(self._streams) >= _MAX_STREAMS:
            self._streams.popitem(last=False)[1].close()
        self._streams[name] = GzipStream(self._root / name)
        return self._streams[name]

    def _forget(self, name: str) -> None:
        """Close what is open of one file, so that the next read opens it afresh."""
        if name in self._files:
            self._files.pop(name).close()
        if name in self._streams:
            self._streams.pop(name).close()


def _is_inside(file: str) -> bool:
    """Whether a path is relative and stays below the root."""
    return not file.startswith("/") and ".." not in file.split("/") and "\0" not in file
