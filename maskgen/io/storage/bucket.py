"""Requests to one bucket of an object store, through obstore."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import re
from collections.abc import Iterator
from importlib import import_module
from typing import Any, NamedTuple

from maskgen.errors import EnvironmentFault, MaskgenError

from .address import secrets_of_environment, settings_of
from .patience import RETRY_S, TIMEOUT_S, client_options, retry_options

PAGE = 1000
"""Objects of one request for a listing."""
_OURS = ("AWS_", "AZURE_", "GOOGLE_", "MASKGEN_STORE_")
_BAD_NAME = "object with invalid path"
_NO_CREDENTIALS = (
    *("MissingAccessKeyId", "MissingSecretAccessKey", "MissingAccount"),
    *("/latest/api/token", "/latest/meta-data/", "/computeMetadata/", "/metadata/identity/"),
)
"""What is said where the environment names none, and where the machine is then asked for its role."""
_DENIED = re.compile(r"status code: 40[13]\b")
"""Of a listing; other requests have an error of their own for that."""
_ASKED = re.compile(r"Error performing ([A-Z]+ \S+ in [\d.]+\S+?s\b(?:, after \d+ retries)?)")
_ANSWERS = (
    re.compile(r"<Code>([^<]+)</Code>"),
    re.compile(r'(?:message|error): "([^"]+)"'),
    re.compile(r"status code: (\d{3} [\w ]+)"),
)
"""Of the store, of the system, of HTTP."""
_LOGIN = re.compile(r"//[^\s/@]+@")
_QUERY = re.compile(r"\?[^\s\"'>)]*")


class Entry(NamedTuple):
    """An object: its key, its size in bytes, its ETag, when it was written (ns since the epoch)."""

    key: str
    size: int
    e_tag: str
    written_ns: int


class Part(NamedTuple):
    """Some bytes of an object, and what the object was then."""

    data: bytes
    entry: Entry


def open_bucket(address: str) -> Bucket:
    """The bucket at an address such as ``s3://bucket``; one per process, while its settings stay.

    Raises:
        UsageError: a setting is no time.
        EnvironmentFault: obstore is not installed, or refuses the settings.
    """
    return _opened(address, tuple(sorted(item for item in os.environ.items() if item[0].startswith(_OURS))))


@functools.lru_cache(maxsize=16)
def _opened(address: str, settings: tuple[tuple[str, str], ...]) -> Bucket:  # noqa: ARG001 - tells them apart
    return Bucket(address)


class Bucket:
    """A bucket. Settings and credentials come from the environment, as obstore reads it.

    A request that fails or is cut off is tried again, with waits of .1 s that grow to 5 s, until
    MASKGEN_STORE_RETRY_S seconds (60) have passed since it began. One that is answered with silence for
    MASKGEN_STORE_TIMEOUT_S seconds (20), or trickles for ten times as long, counts as failed.

    Every method raises EnvironmentFault when the store cannot be reached or refuses, and FileNotFoundError
    for a bucket or an object that is not there.

    Args:
        address: of the bucket, ``s3://bucket``.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self._process = os.getpid()
        try:
            self.obstore: Any = import_module("obstore")
            self.errors: Any = import_module("obstore.exceptions")
            self._from_url: Any = import_module("obstore.store").from_url
        except ImportError as error:
            raise EnvironmentFault(
                "object stores need obstore", where=address, remedy='pip install "maskgen[cloud]"'
            ) from error
        self._clients: dict[int, Any] = {}

    def client(self, sent_bytes: int = 0) -> Any:
        """Obstore's client for requests with a body of this size, as patient as that needs.

        Raises:
            EnvironmentFault: this process was forked from one that used the store.
        """
        if self._process != os.getpid():
            raise EnvironmentFault(
                "a forked process cannot use the object store of its parent",
                where=self.address,
                remedy="start workers with spawn or forkserver",
            )
        level = (sent_bytes >> 20).bit_length()
        if level not in self._clients:
            options = client_options((1 << level) << 20 if level else 0)
            with self.faults(""):
                self._clients[level] = self._from_url(
                    self.address, client_options=options, retry_config=retry_options()
                )
        return self._clients[level]

    def where(self, key: str) -> str:
        """The address of a key."""
        return f"{self.address}/{key}" if key else self.address

    def head(self, key: str) -> Entry:
        """What is known of an object."""
        with self.faults(key):
            return _entry(self.obstore.head(self.client(), key))

    def has(self, key: str) -> bool:
        """Whether an object is there."""
        try:
            self.head(key)
        except FileNotFoundError:
            return False
        return True

    def read(self, key: str, start: int, length: int, e_tag: str = "") -> Part:
        """`length` bytes of an object from `start` on, fewer at its end.

        Args:
            key: of the object.
            start: first byte.
            length: at least 1.
            e_tag: the object must still be the one of this ETag.

        Raises:
            OSError: it is another one.
        """
        options: dict[str, Any] = {"range": (start, start + length)}
        if e_tag:
            options["if_match"] = e_tag
        try:
            with self.faults(key):
                found = self.obstore.get(self.client(), key, options=options)
                return Part(bytes(found.bytes()), _entry(found.meta))
        except EnvironmentFault as fault:
            if "416" not in fault.cause:
                raise
            return Part(b"", self.head(key))  # nothing lies there: the object is shorter, or empty

    def walk(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """The objects whose keys begin with a folder's, and all below it; one page is held at a time.

        Args:
            prefix: the folder's key; empty for the whole bucket.
            after: only keys behind this one.
        """
        with self.faults(prefix):
            pages = self.obstore.list(self.client(), prefix or None, offset=after or None, chunk_size=PAGE)
            for page in pages:
                yield from map(_entry, page)

    def list_level(self, prefix: str) -> tuple[list[str], list[Entry]]:
        """The folders and the objects directly in a folder."""
        with self.faults(prefix):
            found = self.obstore.list_with_delimiter(self.client(), prefix or None)
            return list(found["common_prefixes"]), [_entry(one) for one in found["objects"]]

    def copy(self, key: str, new: str) -> None:
        """Write an object's content under another key too."""
        with self.faults(key):
            self.obstore.copy(self.client(), key, new)

    def delete(self, key: str) -> None:
        """Remove an object if it is there."""
        with contextlib.suppress(FileNotFoundError), self.faults(key):
            self.obstore.delete(self.client(), key)

    @contextlib.contextmanager
    def faults(self, key: str) -> Iterator[None]:
        """Turn obstore's errors into ours, without credentials."""
        where = self.where(key)
        try:
            yield
        except MaskgenError:
            raise
        except FileNotFoundError:
            raise FileNotFoundError(errno.ENOENT, "no such object", where) from None
        except self.errors.PreconditionError:
            raise OSError(errno.EIO, "the object was changed while it was read", where) from None
        except (self.errors.BaseError, PermissionError, OSError, ValueError) as error:
            if "NoSuchBucket" in str(error):
                raise FileNotFoundError(errno.ENOENT, "no such bucket", where) from None
            if _BAD_NAME in str(error):
                raise _unusable_name(where, str(error)) from None
            raise refused(where, error) from None


def _entry(meta: Any) -> Entry:
    written = meta["last_modified"]
    return Entry(meta["path"], meta["size"], meta["e_tag"] or "", int(written.timestamp() * 1e9))


def _unusable_name(where: str, text: str) -> EnvironmentFault:
    """The fault of a listing with a name that obstore has no word for."""
    return EnvironmentFault(
        "an object has a name that cannot be used",
        where=where,
        cause=_shorten(text.partition(_BAD_NAME)[2].partition(" Debug source")[0].strip(": \n")),
        remedy="rename or remove it: no part of a name may be empty, . or .., or hold control characters",
    )


def refused(where: str, error: Exception) -> EnvironmentFault:
    """The fault of a request that failed, without what a signed URL or the environment holds of secrets."""
    whole = _without_secrets(" ".join(str(error).split()))
    text = _sentence(whole) or _shorten(whole)
    kind = type(error).__name__
    if any(sign in whole for sign in _NO_CREDENTIALS):
        return EnvironmentFault(
            "no credentials for the object store",
            where=where,
            cause=f"not all of them in the environment, and no role of this machine: {text}",
            remedy=f"set them: {settings_of(where)}; for a bucket that is open to all "
            "AWS_SKIP_SIGNATURE=true (or GOOGLE_SKIP_SIGNATURE, AZURE_SKIP_SIGNATURE)",
        )
    denied = ("UnauthenticatedError", "PermissionDeniedError", "PermissionError")
    if kind in denied or "redential" in whole or _DENIED.search(whole):
        return EnvironmentFault(
            "the store refuses access",
            where=where,
            cause=text,
            remedy=f"check the credentials: {settings_of(where)}",
        )
    return EnvironmentFault(
        "the object store cannot be used",
        where=where,
        cause=text,
        remedy=f"check the network, the region and the endpoint: {settings_of(where)}; {RETRY_S} says how "
        f"long a request is tried again, {TIMEOUT_S} how long the store may be silent",
    )


def _without_secrets(text: str) -> str:
    text = _LOGIN.sub("//...@", _QUERY.sub("?...", text))
    for secret in secrets_of_environment():
        text = text.replace(secret, "...")
    return text


def _sentence(text: str) -> str:
    """The request, and why it failed, of obstore's account; empty where these are not found in it."""
    asked = _ASKED.search(text)
    answers = [found for pattern in _ANSWERS if (found := pattern.findall(text))]
    return f"{asked[1]}: {answers[0][-1]}" if asked and answers else ""


def _shorten(text: str) -> str:
    """The beginning, which says what was asked for, and the end, which says what happened."""
    return text if len(text) <= 300 else f"{text[:150]} ... {text[-150:]}"
