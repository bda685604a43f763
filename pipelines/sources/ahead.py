"""Photos that a worker will ask an object store for next, fetched while it is busy with others.

A store takes tens of milliseconds before the first byte, a photo takes about as long to make: without this a
worker would wait for a good part of its time.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Thread

from maskgen.io.storage.location import ObjectLocation
from maskgen.types import ByteRef

_PHOTOS = 4
_BYTES = 16 << 20
"""Photos, and bytes of them, that are on their way or wait to be taken; a larger one comes alone."""


class Ahead:
    """Whole objects, by the references that are asked for in a known order.

    Args:
        root: the folder that every `ByteRef.file` is relative to.
        max_bytes: larger objects are not fetched.
    """

    def __init__(self, root: ObjectLocation, max_bytes: int) -> None:
        self._root = root
        self._max_bytes = max_bytes
        self._order: dict[ByteRef, int] = {}
        self._refs: Sequence[ByteRef] = ()
        self._coming: dict[ByteRef, _Coming] = {}

    def expect(self, refs: Sequence[ByteRef]) -> None:
        """Say what will be asked for, in this order; nothing is fetched before the first of it is."""
        self._refs = refs
        self._order = {ref: number for number, ref in enumerate(refs)}
        self._coming = {}

    def take(self, ref: ByteRef) -> bytes | None:
        """The bytes of an object that was expected, and the next ones are on their way; None for any other.

        Raises:
            OSError: it cannot be read.
            EnvironmentFault: the store cannot be reached or refuses.
        """
        number = self._order.get(ref)
        if number is None or not self._is_whole(ref):
            return None
        window = self._refs[number : number + 1 + _PHOTOS]
        self._coming = {one: self._coming[one] for one in window if one in self._coming}
        held = 0
        for one in window:
            held += one.size
            if one != ref and (held > _BYTES or not self._is_whole(one)):
                break
            if one not in self._coming:
                self._coming[one] = _Coming(self._root / one.file, one.size)
        return self._coming.pop(ref).wait()

    def _is_whole(self, ref: ByteRef) -> bool:
        """Whether a photo seems to be an object of its own; members of tars come by windows of the tar."""
        return not ref.codec and ref.offset == 0 and 0 < ref.size <= self._max_bytes


class _Coming:
    """A request under way in a thread that dies with the process."""

    def __init__(self, place: ObjectLocation, size: int) -> None:
        self._place = place
        self._size = size
        self._data = b""
        self._error: Exception | None = None
        self._thread = Thread(target=self._fetch, name="maskgen-ahead", daemon=True)
        self._thread.start()

    def _fetch(self) -> None:
        try:
            self._data = self._place.bucket.read(self._place.key, 0, self._size).data
        except Exception as error:  # noqa: BLE001 - raised where the photo is asked for
            self._error = error

    def wait(self) -> bytes:
        self._thread.join()
        if self._error:
            raise self._error
        return self._data
