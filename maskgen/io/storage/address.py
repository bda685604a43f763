"""Addresses of objects: ``s3://bucket/prefix``, ``gs://bucket/prefix``, ``az://container/prefix``."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from maskgen.errors import UsageError

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://")
_SCHEMES = ("s3", "gs", "az")
_SIGNED = re.compile(r"[?&][\w-]+=", re.ASCII)
_SETTINGS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for other stores than Amazon's, "
    "AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}


class Address(NamedTuple):
    """A bucket as ``s3://bucket``, and a key in it without slashes at its ends, empty for the bucket."""

    bucket: str
    key: str


def is_address(path: object) -> bool:
    """Whether a path is an address: a text that begins with ``scheme://``.

    Example:
        >>> from maskgen.io.storage.address import is_address
        >>> is_address("s3://bucket/shards"), is_address("shards/")
        (True, False)
    """
    return isinstance(path, str) and _ADDRESS.match(path) is not None


def names_object(text: str) -> bool:
    """Whether a text is an address in an object store, and not one of the web.

    Example:
        >>> from maskgen.io.storage.address import names_object
        >>> names_object("s3://bucket/u2netp.pth"), names_object("https://example.org/u2netp.pth")
        (True, False)
    """
    return text.partition("://")[0] in _SCHEMES and is_address(text)


def parse_address(text: str) -> Address:
    """The bucket and the key of an address.

    Raises:
        UsageError: another kind of address, an empty or relative part, or credentials in it, which would end
            up in manifests and logs.

    Example:
        >>> from maskgen.io.storage.address import parse_address
        >>> parse_address("s3://bucket/deep/shards/")
        Address(bucket='s3://bucket', key='deep/shards')
    """
    scheme, _, rest = text.partition("://")
    bucket, _, key = rest.partition("/")
    if "@" in bucket or ":" in bucket or _SIGNED.search(text):
        raise UsageError(
            "an address holds credentials",
            where=f"{scheme}://...",
            remedy=f"leave them out: {settings_of(text)}",
        )
    if scheme not in _SCHEMES or not bucket:
        raise UsageError(
            "no such kind of address",
            where=text,
            remedy="s3://bucket/prefix, gs://... or az://..., or a folder",
        )
    key = key.rstrip("/")
    if key and any(part in ("", ".", "..") for part in key.split("/")):
        raise UsageError(
            "an address has an empty or relative part", where=text, remedy="write it without //, . and .."
        )
    return Address(f"{scheme}://{bucket}", key)


def settings_of(address: str) -> str:
    """Where the credentials for an address come from, for messages.

    Example:
        >>> from maskgen.io.storage.address import settings_of
        >>> settings_of("gs://bucket/photos")
        'gs:// reads GOOGLE_APPLICATION_CREDENTIALS'
    """
    scheme = address.partition("://")[0]
    known = {scheme: _SETTINGS[scheme]} if scheme in _SETTINGS else _SETTINGS
    return "; ".join(f"{name}:// reads {variables}" for name, variables in known.items())


def secrets_of_environment() -> list[str]:
    """The credentials in this process's environment, which no message may hold."""
    signs = ("SECRET", "TOKEN", "KEY", "PASSWORD", "SAS")
    names = [name for name in os.environ if name.startswith(("AWS_", "AZURE_", "GOOGLE_"))]
    return [os.environ[n] for n in names if any(s in n for s in signs) and len(os.environ[n]) >= 8]
