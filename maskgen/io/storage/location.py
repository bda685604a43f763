"""A location: a local path, or a key in an object store, by the same few methods."""

from __future__ import annotations

import fnmatch
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Self, TypeAlias, TypeVar

from maskgen.errors import UsageError

from .address import is_address, parse_address
from .bucket import Bucket, Entry, open_bucket


class ObjectFacts(NamedTuple):
    """What is known of an object."""

    st_size: int
    st_mtime_ns: int


class ObjectLocation:
    """A key of an object store, which may be an object's, or a folder: what keys begin with before a slash.

    Every method that asks the store raises EnvironmentFault when it cannot be reached or refuses.

    Args:
        bucket: address of the bucket, ``s3://bucket``.
        key: without slashes at its ends; empty for the bucket itself.

    Example:
        >>> from maskgen.io.storage.location import ObjectLocation
        >>> place = ObjectLocation("s3://bucket", "shards") / "photos-train-000000.tar"
        >>> str(place), place.stem, str(place.parent)
        ('s3://bucket/shards/photos-train-000000.tar', 'photos-train-000000', 's3://bucket/shards')
    """

    __slots__ = ("_bucket", "key")

    def __init__(self, bucket: str, key: str) -> None:
        self._bucket = bucket
        self.key = key

    def __str__(self) -> str:
        return f"{self._bucket}/{self.key}" if self.key else self._bucket

    def __repr__(self) -> str:
        return f"ObjectLocation({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ObjectLocation) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __lt__(self, other: Self) -> bool:
        return str(self) < str(other)

    def __truediv__(self, inner: str) -> Self:
        return type(self)(self._bucket, f"{self.key}/{inner}" if self.key else inner)

    @property
    def bucket(self) -> Bucket:
        """Where requests go."""
        return open_bucket(self._bucket)

    @property
    def name(self) -> str:
        """The last part of the key, or the bucket's name."""
        return str(self).rpartition("/")[2]

    @property
    def stem(self) -> str:
        """The name without its last extension."""
        return os.path.splitext(self.name)[0]  # noqa: PTH122 - no path

    @property
    def suffix(self) -> str:
        """The last extension with its dot."""
        return os.path.splitext(self.name)[1]  # noqa: PTH122 - no path

    @property
    def parent(self) -> Self:
        """The folder that it lies in; the bucket's is itself."""
        return type(self)(self._bucket, self.key.rpartition("/")[0])

    def relative_to(self, above: Self) -> PurePosixPath:
        """The path from a folder that this lies below, or is.

        Raises:
            ValueError: it lies elsewhere.
        """
        return PurePosixPath(str(self)).relative_to(str(above))

    def exists(self) -> bool:
        """Whether an object or a folder is there."""
        return self.is_file() or self.is_dir()

    def is_file(self) -> bool:
        """Whether an object is there."""
        return bool(self.key) and self.bucket.has(self.key)

    def is_dir(self) -> bool:
        """Whether any object lies below."""
        try:
            return next(self.bucket.walk(self.key), None) is not None
        except FileNotFoundError:
            return False

    def stat(self) -> ObjectFacts:
        """Size and time of the object.

        Raises:
            FileNotFoundError: there is none.
        """
        if not self.key:
            raise FileNotFoundError(2, "a bucket is no object", str(self))
        entry = self.bucket.head(self.key)
        return ObjectFacts(entry.size, entry.written_ns)

    def iterdir(self) -> Iterator[Self]:
        """The objects and folders directly below, sorted.

        Raises:
            FileNotFoundError: no such bucket.
        """
        folders, entries = self.bucket.list_level(self.key)
        for key in sorted({*folders, *(entry.key for entry in entries)}):
            yield type(self)(self._bucket, key)

    def glob(self, pattern: str) -> Iterator[Self]:
        """The objects and folders directly below whose names fit a pattern of ``*``, ``?`` and ``[...]``."""
        return (place for place in self.iterdir() if fnmatch.fnmatchcase(place.name, pattern))

    def entries(self) -> list[Entry]:
        """The objects directly below, with their sizes.

        Raises:
            FileNotFoundError: no such bucket.
        """
        return self.bucket.list_level(self.key)[1]


Location: TypeAlias = Path | ObjectLocation
"""A local path or a key: names by ``/``, `name`, `stem`, `suffix` and `parent`, what is there by `exists`,
`is_file`, `is_dir`, `stat`, `iterdir` and `glob`. Its bytes are read by `maskgen.io.storage.reading`."""
Place = TypeVar("Place", Path, ObjectLocation)
"""A location, of which another of the same kind is made."""


def open_location(path: str | os.PathLike[str] | Location) -> Location:
    """The place at an address or a path.

    Raises:
        UsageError: an address of another kind, or with credentials in it.

    Example:
        >>> from maskgen.io.storage.location import open_location
        >>> open_location("shards"), open_location("s3://bucket/shards/")
        (PosixPath('shards'), ObjectLocation('s3://bucket/shards'))
    """
    if isinstance(path, str) and is_address(path):
        address = parse_address(path)
        return ObjectLocation(address.bucket, address.key)
    return Path(path) if isinstance(path, str | os.PathLike) else path


def not_there(place: Location, what: str, remedy: str) -> UsageError:
    """The error of a place where nothing is; in an object store the bucket itself may be missing.

    Args:
        place: it.
        what: should be there, as in ``the input``.
        remedy: what to do.

    Raises:
        EnvironmentFault: the store cannot be reached or refuses.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.io.storage.location import not_there
        >>> print(not_there(Path("photos"), "the input", "check --input"))
        the input is not there: photos
          Next: check --input.
    """
    if not isinstance(place, ObjectLocation):
        return UsageError(f"{what} is not there", where=str(place), remedy=remedy)
    if lacks_bucket(place):
        return no_bucket(place)
    return UsageError(
        f"{what} is not there",
        where=str(place),
        cause="the bucket has no object of this key, and none below it",
        remedy=f"{remedy}: capitals count",
    )


def lacks_bucket(place: Location) -> bool:
    """Whether it is an address in a bucket that is not there.

    Raises:
        EnvironmentFault: the store cannot be reached or refuses.
    """
    try:
        if isinstance(place, ObjectLocation):
            next(place.bucket.walk(place.key), None)
    except FileNotFoundError:
        return True
    return False


def no_bucket(place: Location) -> UsageError:
    """The error of a place whose bucket is missing."""
    return UsageError("there is no such bucket", where=str(place), remedy="make it, or check the address")


def require_folder(place: Location) -> None:
    """Refuse the address of a data set below which nothing lies; click has looked at paths already.

    Raises:
        UsageError: no such bucket, or nothing is there.
        EnvironmentFault: the store cannot be reached or refuses.
    """
    if place.is_dir():
        return
    if lacks_bucket(place):
        raise no_bucket(place)
    raise UsageError("there is no such folder", where=str(place), remedy="check the address")


def file_sizes(folder: Location) -> dict[str, int]:
    """The files directly in a folder, by name, and their sizes in bytes; of an object store by one listing.

    Raises:
        OSError: the folder is not there, or cannot be read.
    """
    if isinstance(folder, ObjectLocation):
        return {entry.key.rpartition("/")[2]: entry.size for entry in folder.entries()}
    with os.scandir(str(folder)) as scan:
        return {item.name: item.stat().st_size for item in scan if item.is_file()}
