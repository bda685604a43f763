"""Where a data set's files are fetched from: an object store through obstore, or a slow folder."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from maskgen.errors import EnvironmentFault, MaskgenError, ShardFault, UsageError
from maskgen.io.regular import open_regular

PART_BYTES = 16 << 20
"""Bytes of one request: a connection that breaks costs one part, and none lasts for minutes."""

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]*)://")
_SCHEMES = ("s3", "gs", "az")
RETRY_S = "MASKGEN_STORE_RETRY_S"
TIMEOUT_S = "MASKGEN_STORE_TIMEOUT_S"
_DEFAULTS = {RETRY_S: 60.0, TIMEOUT_S: 20.0}
_BACKOFF = {"init_backoff": timedelta(seconds=0.1), "max_backoff": timedelta(seconds=5), "base": 2}
_UNLIMITED = 1_000_000  # the time limits the tries, not their number
_SLOWEST = 10  # a part that trickles in may take ten times as long as one may be silent
_SETTINGS = (
    "s3:// reads AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, for other stores than Amazon's, "
    "AWS_ENDPOINT_URL"
)


class Store(Protocol):
    """A folder of files that can be fetched."""

    address: str
    """As the user gave it."""

    def names(self) -> dict[str, int]:
        """The files directly in the folder, and their sizes, bytes."""
        ...

    def read(self, name: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of a file in parts."""
        ...


def is_address(path: str | Path) -> bool:
    """Whether a path is the address of an object store."""
    return isinstance(path, str) and _ADDRESS.match(path) is not None


def open_store(path: str | Path) -> Store:
    """The store at an address, or in a folder.

    Raises:
        UsageError: an address of another kind.
        EnvironmentFault: obstore is not installed.
    """
    match = _ADDRESS.match(str(path))
    if match is None:
        return FolderStore(Path(path))
    if match[1] not in _SCHEMES:
        raise UsageError(
            "no such kind of address",
            where=str(path),
            remedy="s3://bucket/prefix, gs://... or az://..., or a folder",
        )
    return ObjectStore(str(path))


class FolderStore:
    """A folder, on a network file system for example."""

    def __init__(self, path: Path) -> None:
        self.address = str(path)
        self._path = path

    def names(self) -> dict[str, int]:
        """The files directly in the folder, and their sizes, bytes.

        Raises:
            ShardFault: no such folder.
            EnvironmentFault: it cannot be read.
        """
        with _folder_faults(self.address):
            return {item.name: item.stat().st_size for item in os.scandir(self._path) if item.is_file()}

    def read(self, name: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of a file in parts.

        Raises:
            ShardFault: no such file, or it is shorter.
            EnvironmentFault: it cannot be read.
        """
        with (
            _folder_faults(f"{self.address}/{name}"),
            os.fdopen(open_regular(self._path / name), "rb") as file,
        ):
            left = size
            while left:
                part = file.read(min(left, PART_BYTES))
                if not part:
                    raise _short(f"{self.address}/{name}", size - left, size)
                left -= len(part)
                yield part


@contextlib.contextmanager
def _folder_faults(where: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise _missing(where) from error
    except OSError as error:
        raise EnvironmentFault(
            "cannot read the data set's folder",
            where=where,
            cause=str(error),
            remedy="check the path, and that it may be read",
        ) from error


class ObjectStore:
    """An object store; the address's path is the folder. Settings come from the environment.

    A request that fails or is cut off is tried again, with waits of .1 s that grow to 5 s, until
    MASKGEN_STORE_RETRY_S seconds (60) have passed since it began. One that is answered with silence for
    MASKGEN_STORE_TIMEOUT_S seconds (20), or trickles for ten times as long, counts as failed.

    Args:
        address: of the folder.

    Raises:
        UsageError: one of these settings is no time.
        EnvironmentFault: obstore is not installed.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self._start()

    def _start(self) -> None:
        try:
            self._obstore = import_module("obstore")
            self._error: type[Exception] = import_module("obstore.exceptions").BaseError
            from_url = import_module("obstore.store").from_url
        except ImportError as error:
            raise EnvironmentFault(
                "object stores need obstore", where=self.address, remedy='pip install "maskgen[cloud]"'
            ) from error
        self._process = os.getpid()
        client, retry = _patience()
        with self._faults(""):
            self._store = from_url(self.address, client_options=client, retry_config=retry)

    def __getstate__(self) -> dict[str, Any]:
        return {"address": self.address}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.address = state["address"]
        self._start()

    def names(self) -> dict[str, int]:
        """The objects directly below the address, and their sizes, bytes.

        Raises:
            ShardFault: no such bucket.
            EnvironmentFault: the store cannot be reached, or refuses.
        """
        with self._faults(""):
            found = self._obstore.list_with_delimiter(self._store)["objects"]
        return {item["path"]: item["size"] for item in found}

    def read(self, name: str, size: int) -> Iterator[bytes]:
        """The first `size` bytes of an object in parts.

        Raises:
            ShardFault: no such object, or it is shorter.
            EnvironmentFault: the store cannot be reached, or refuses.
        """
        if self._process != os.getpid():
            raise EnvironmentFault(
                "a forked process cannot use the object store of its parent",
                where=self.address,
                remedy="start workers with spawn or forkserver",
            )
        for start in range(0, size, PART_BYTES):
            length = min(PART_BYTES, size - start)
            with self._faults(name):
                part = bytes(self._obstore.get_range(self._store, name, start=start, length=length))
            if len(part) != length:
                raise _short(f"{self.address}/{name}", start + len(part), size)
            yield part

    @contextlib.contextmanager
    def _faults(self, name: str) -> Iterator[None]:
        where = f"{self.address}/{name}" if name else self.address
        try:
            yield
        except FileNotFoundError as error:
            raise _missing(where) from error
        except MaskgenError:
            raise
        except (self._error, PermissionError, OSError, ValueError) as error:
            if "NoSuchBucket" in str(error):
                raise _missing(where) from error
            raise _refused(where, error) from error


def _patience() -> tuple[dict[str, Any], dict[str, Any]]:
    """Options of obstore: of its client, and of how long it tries."""
    silent_s = _seconds(TIMEOUT_S)
    client = {
        "connect_timeout": timedelta(seconds=min(silent_s, 10)),
        "read_timeout": timedelta(seconds=silent_s),
        "timeout": timedelta(seconds=silent_s * _SLOWEST),
        "allow_http": True,
    }
    retry_s = timedelta(seconds=_seconds(RETRY_S))
    return client, {"max_retries": _UNLIMITED, "retry_timeout": retry_s, "backoff": _BACKOFF}


def _seconds(name: str) -> float:
    """A time from the environment, s.

    Raises:
        UsageError: it is none.
    """
    text = os.environ.get(name, "")
    try:
        value = float(text or _DEFAULTS[name])
    except ValueError:
        value = 0.0
    if not 0.001 <= value <= 86_400:
        raise UsageError(f"{name}={text} is no time", remedy="give seconds, from 0.001 to 86400")
    return value


def _missing(where: str) -> ShardFault:
    return ShardFault(
        "a file of the data set is not there",
        where=where,
        cause="an incomplete copy, or another address",
        remedy="check the address, or copy the data set there again",
    )


def _short(where: str, found: int, size: int) -> ShardFault:
    return ShardFault(
        f"a file has {found} bytes, {size} are recorded",
        where=where,
        cause="an incomplete copy",
        remedy="copy it there again",
    )


def _shortened(text: str) -> str:
    """The beginning, which says what was asked for, and the end, which says what happened."""
    return text if len(text) <= 300 else f"{text[:150]} ... {text[-150:]}"


def _refused(where: str, error: Exception) -> EnvironmentFault:
    text = _shortened(" ".join(str(error).split()))
    kind = type(error).__name__
    if kind in ("UnauthenticatedError", "PermissionDeniedError", "PermissionError") or "redential" in text:
        return EnvironmentFault(
            "the store refuses access",
            where=where,
            cause=text,
            remedy=f"check the credentials: {_SETTINGS}",
        )
    return EnvironmentFault(
        "the store cannot be read",
        where=where,
        cause=text,
        remedy=f"check the network, the region and the endpoint: {_SETTINGS}; {RETRY_S} says how long a "
        f"request is tried again, {TIMEOUT_S} how long the store may be silent",
    )
