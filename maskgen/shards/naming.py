"""Names: keys, shard names and the members of a sample."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection

FORMAT_VERSION = 4
"""Of shards that have every member, as it is written."""
LEAN_FORMAT = 5
"""Of shards with the lean members, as it is written."""
READABLE = (2, 3, 4, 5)
"""Format versions that are read."""
CONFIDENCE_SINCE = 4
"""The first format version whose samples say how far their masks are to be trusted."""

KEY = re.compile(r"[A-Za-z0-9_-]+\Z")
MAX_KEY = 90  # a USTAR name holds 100 bytes; the longest extension is ".mask.png"

PHOTO, MASK, BACKGROUND, JSON, CLASS, SAT, FG, META = (
    "jpg",
    "mask.png",
    "bg.jpg",
    "json",
    "cls",
    "sat",
    "fg",
    "meta",
)
LOSSLESS_PHOTO = "png"
"""Extension of the photos of a data set that keeps their pixels; elsewhere it is `PHOTO`."""
LOSSLESS_FILES = frozenset({".png", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"})
"""Ends of the names of source files whose pixels a JPEG would change."""
MEMBERS = (PHOTO, LOSSLESS_PHOTO, MASK, BACKGROUND, JSON, CLASS, SAT, FG, META)
LEAN = (MASK, SAT, META)
"""What a lean sample has beside its photo."""

MANIFEST = "manifest.json"
PLAN = "plan.json"
PLAN_TABLE = "plan.table"
WHOLE_PLAN_TABLE = "plan.parquet"
"""Of runs before the table was cut into parts."""
PLAN_FILES = (PLAN, PLAN_TABLE, WHOLE_PLAN_TABLE)
RECORDS = "records"
SET_ASIDE = "set-aside"
LOG = "run.log.jsonl"
SUFFIXES = ("tar", "idx", "parquet")


def written_format(kind: str) -> int:
    """The format version of the shards that a run makes.

    Args:
        kind: of its members: ``full`` or ``lean``.
    """
    return LEAN_FORMAT if kind == "lean" else FORMAT_VERSION


def needed_members(version: int) -> tuple[str, ...]:
    """The extensions that the samples of every data set of a format version have, in tar order.

    Example:
        >>> needed_members(5)
        ('mask.png', 'sat', 'meta')
    """
    return LEAN if version == LEAN_FORMAT else (MASK, JSON, SAT, FG, META)


def members(
    *, photo: bool, background: bool, classes: bool, lossless: bool = False, lean: bool = False
) -> tuple[str, ...]:
    """The extensions that every sample of a data set has, in tar order; a photo may be `lossless`."""
    absent = {
        **dict.fromkeys((JSON, FG), lean),
        PHOTO: lossless or not photo,
        LOSSLESS_PHOTO: not (lossless and photo),
        BACKGROUND: lean or not background,
        CLASS: lean or not classes,
    }
    return tuple(member for member in MEMBERS if not absent.get(member, False))


def stored_ext(ext: str, members: Collection[str]) -> str:
    """The extension under which a data set of these members has a member; photos may be lossless."""
    return LOSSLESS_PHOTO if ext == PHOTO and LOSSLESS_PHOTO in members else ext


def safe_key(name: str) -> str:
    """A key of ``[A-Za-z0-9_-]+``, at most 90 characters, from any name.

    Accents fall away, every other character becomes ``_``; a name that is too long, or of which nothing is
    left, gets a hash of the whole.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    key = re.sub(r"[^A-Za-z0-9_-]", "_", plain)
    if not key.strip("_") or len(key) > MAX_KEY:
        return f"{key[: MAX_KEY - 13].strip('_') or 'image'}_{short_hash(name)}"
    return key


def repaired_key(key: str, path: str) -> str:
    """The key of a sample whose plain key is already taken: the same with a hash of its original path."""
    return f"{key[: MAX_KEY - 13]}_{short_hash(path)}"


def short_hash(text: str) -> str:
    """Twelve hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def shard_name(dataset: str, split: str, number: int) -> str:
    """A shard's stem, for example ``imagenet-train-000012``."""
    return f"{dataset}-{split}-{number:06d}"
