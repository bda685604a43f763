"""What the files of a sample are called: by the photo's path in its source, or by the sample's key."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np

from maskgen.loaders import Dataset
from maskgen.loaders.dataset.labels import shard_paths

from ..errors import UsageError

_ENDING = re.compile(r"\.(?:jpe?g|jfif|png|webp|bmp|gif|tiff?|ppm|pgm|avif|jp2|heic)\Z", re.IGNORECASE)
_BAD = re.compile(r"[\x00-\x1f\\]")
BY_KEY = "name the files by the keys: --by-key, or by_key=True"


def stem_of(path: str) -> str:
    """A source path without the ending of an image file.

    Raises:
        UsageError: it is no relative path that stays below its root.

    Example:
        >>> from maskgen.export.names import stem_of
        >>> stem_of("animals/cat.v2.jpg"), stem_of("train-00000-of-00002/17")
        ('animals/cat.v2', 'train-00000-of-00002/17')
    """
    parts = path.split("/")
    if _BAD.search(path) or any(part in ("", ".", "..") for part in parts):
        raise UsageError(
            "a photo's path in its source cannot be the name of a file",
            where=repr(path)[:200],
            cause="it is absolute, leaves its folder, or has control characters",
            remedy=BY_KEY,
        )
    return str(PurePosixPath(*parts[:-1], _ENDING.sub("", parts[-1]) or parts[-1]))


def check_paths(dataset: Dataset) -> None:
    """Make sure that no two photos of a data set get files of the same name; takes 8 bytes a photo.

    Raises:
        UsageError: two do, or a path cannot be a name.
        ShardFault: a table is damaged.
    """
    hashes = np.fromiter((_hash(stem_of(path)) for path in _paths(dataset)), np.uint64, dataset.samples)
    unique, counts = np.unique(hashes, return_counts=True)
    twice = set(unique[counts > 1].tolist())
    if not twice:
        return
    found: dict[str, str] = {}
    for path in _paths(dataset):
        stem = stem_of(path)
        if _hash(stem) in twice and found.setdefault(stem, path) != path:
            raise UsageError(
                "two photos would get files of the same name",
                where=f"{found[stem]} and {path}",
                remedy=BY_KEY,
            )


def _paths(dataset: Dataset) -> Iterator[str]:
    for shard in dataset.shards:
        yield from (path or "" for path in shard_paths(dataset, shard))


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")
