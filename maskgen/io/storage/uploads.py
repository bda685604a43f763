"""Objects written where nothing is, or where what is known to be there is: no rename, no link, no lock.

A store writes an object whole or not at all, and of several who create one key exactly one succeeds. The
answer may get lost on its way, so that who has created an object is told that it exists: the content decides.
"""

from __future__ import annotations

import hashlib
import mmap
import time
from pathlib import Path
from typing import Any

from maskgen.errors import EnvironmentFault, UsageError

from .bucket import Bucket, refused
from .patience import retry_seconds

MAX_BYTES = 5 << 30
"""Of one request at Amazon's, and conditional ones are single: no other store allows fewer."""
_HOPELESS = ("UnauthenticatedError", "PermissionDeniedError", "NotSupportedError", "NotImplementedError")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.1, 5.0
_CHUNK = 8 << 20


class Content:
    """What is to be written: bytes, or a file, which is mapped and not read into memory.

    Args:
        source: the bytes, or the file's path.

    Raises:
        UsageError: it is too large for one request.
    """

    def __init__(self, source: bytes | Path) -> None:
        self._source = source
        self.size = len(source) if isinstance(source, bytes) else source.stat().st_size
        if self.size > MAX_BYTES:
            raise UsageError(
                f"a file of {self.size:,} bytes is too large for an object store",
                where=str(source),
                cause=f"a conditional upload is one request, of {MAX_BYTES:,} bytes at most",
                remedy="make smaller shards: --shard-size",
            )

    def body(self) -> Any:
        """What obstore sends."""
        if isinstance(self._source, bytes) or not self.size:
            return self._source if isinstance(self._source, bytes) else b""
        with self._source.open("rb") as file:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)

    def sha256(self) -> str:
        """Hex digest."""
        return hashlib.sha256(self.body()).hexdigest()


def create(bucket: Bucket, key: str, source: bytes | Path) -> bool:
    """Write an object unless one has its key; it is there afterwards, whole, as far as the store tells.

    An answer 409 (another upload of this key is under way) and what may pass are tried again, the whole of
    it, until MASKGEN_STORE_RETRY_S seconds have passed.

    Args:
        bucket: it.
        key: of the object.
        source: its content.

    Returns:
        False: an object was there already, which may be of any content.

    Raises:
        UsageError: the content is too large for one request.
        EnvironmentFault: the store cannot be reached or refuses, or what it has is not what was sent.
        FileNotFoundError: no such bucket.
    """
    return _put(bucket, key, Content(source), "create")


def replace(bucket: Bucket, key: str, source: bytes | Path, e_tag: str = "") -> bool:
    """Write an object over another.

    Args:
        bucket: it.
        key: of the object.
        source: its content.
        e_tag: only the object of this ETag may be replaced; by default any, or none.

    Returns:
        False: the object is another one by now.

    Raises:
        UsageError: the content is too large for one request.
        EnvironmentFault: the store cannot be reached or refuses, or what it has is not what was sent.
        FileNotFoundError: no such bucket.
    """
    return _put(bucket, key, Content(source), {"e_tag": e_tag} if e_tag else "overwrite")


def holds(bucket: Bucket, key: str, size: int, sha256: str) -> bool:
    """Whether an object is there with this size and content; one of another size is not read.

    Raises:
        EnvironmentFault: the store cannot be reached or refuses.
    """
    try:
        entry = bucket.head(key)
        return entry.size == size and object_sha256(bucket, key) == sha256
    except FileNotFoundError:
        return False


def object_sha256(bucket: Bucket, key: str) -> str:
    """Hex digest of an object's content, read in parts.

    Raises:
        EnvironmentFault: the store cannot be reached or refuses.
        OSError: it is not there, or was changed meanwhile.
    """
    found, start, e_tag = hashlib.sha256(), 0, ""
    while True:
        part = bucket.read(key, start, _CHUNK, e_tag)
        found.update(part.data)
        start, e_tag = start + len(part.data), part.entry.e_tag
        if start >= part.entry.size or not part.data:
            return found.hexdigest()


def _put(bucket: Bucket, key: str, content: Content, mode: Any) -> bool:
    client, errors = bucket.client(content.size), bucket.errors
    end, wait = time.monotonic() + retry_seconds(), _FIRST_WAIT_S
    while True:
        try:
            sent = bucket.obstore.put(client, key, content.body(), mode=mode, use_multipart=False)
        except (errors.AlreadyExistsError, errors.PreconditionError) as error:
            stale = isinstance(error, errors.PreconditionError) and mode != "overwrite"
            if bucket.has(key) if mode == "create" else stale:
                return False
            last: Exception = error  # 409: somebody's upload of this key is under way, and may yet fail
        except errors.BaseError as error:
            if "NoSuchBucket" in str(error):
                raise FileNotFoundError(2, "no such bucket", bucket.where(key)) from None
            if type(error).__name__ in _HOPELESS:
                raise refused(bucket.where(key), error) from None
            last = error
        except (OSError, ValueError):  # builtin errors stand for some of the store's
            with bucket.faults(key):
                raise
        else:
            _check(bucket, key, content.size, sent)
            return True
        if time.monotonic() + wait > end:
            raise refused(bucket.where(key), last) from None
        time.sleep(wait)
        wait = min(2 * wait, _LONGEST_WAIT_S)


def _check(bucket: Bucket, key: str, size: int, sent: Any) -> None:
    """Size and ETag of what the store has now must be those of what was sent."""
    found = bucket.head(key)
    expected = sent["e_tag"] or found.e_tag
    if (found.size, found.e_tag) != (size, expected):
        raise EnvironmentFault(
            "the store has another object than was sent",
            where=bucket.where(key),
            cause=f"{found.size} bytes, ETag {found.e_tag}; sent: {size} bytes, ETag {expected}",
            remedy="see who else writes there, then run the same command again",
        )
