"""The DALI index of a shard (format v1.2): one line per sample, ``ext offset size name`` per member."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from ..errors import ShardFault
from ..io.storage.location import Location
from ..io.storage.reading import read_whole
from .naming import KEY
from .sealed_json import MEND
from .tar import Member

VERSION = "v1.2"

SampleIndex: TypeAlias = tuple[str, tuple[Member, ...]]
"""A key and its members in tar order; a member's name is its extension here."""


def render(samples: Sequence[SampleIndex]) -> bytes:
    """The index file's bytes."""
    lines = [f"{VERSION} {len(samples)}"]
    for key, parts in samples:
        lines.append(" ".join(f"{ext} {offset} {size} {key}.{ext}" for ext, offset, size in parts))
    return ("\n".join(lines) + "\n").encode("ascii")


def parse(path: Location) -> list[SampleIndex]:
    """Read an index file.

    Raises:
        ShardFault: not an index of this format, or its count does not fit its lines.
    """
    try:
        lines = read_whole(path).decode("ascii").split("\n")
        version, count = lines[0].split(" ")
        samples = [_parse_line(line) for line in lines[1:-1]]
        sound = version == VERSION and lines[-1] == "" and int(count) == len(samples)
    except (ValueError, OSError) as error:
        raise ShardFault("cannot read the index", where=path.name, cause=str(error), remedy=MEND) from error
    if not sound:
        raise ShardFault(
            "the index is not whole", where=path.name, cause="truncation or another version", remedy=MEND
        )
    return samples


def _parse_line(line: str) -> SampleIndex:
    words = line.split(" ")
    if not words or len(words) % 4:
        raise ValueError(f"a line of {len(words)} words: {line[:80]!r}")
    key = words[3].partition(".")[0]
    parts = []
    for ext, offset, size, name in zip(*(iter(words),) * 4, strict=True):
        if name != f"{key}.{ext}" or not KEY.match(key):
            raise ValueError(f"a member {name!r} of sample {key!r}")
        parts.append(Member(ext, int(offset), int(size)))
    return key, tuple(parts)


def group(members: Sequence[Member], where: str) -> list[SampleIndex]:
    """Group a tar's members into samples: equal keys side by side, extension after the first dot.

    Raises:
        ShardFault: a key twice, or a name outside the key rule.
    """
    samples: list[tuple[str, list[Member]]] = []
    seen = set()
    for name, offset, size in members:
        key, _, ext = name.partition(".")
        if not KEY.match(key) or not ext:
            raise ShardFault("a member name breaks the key rule", where=f"{where} {name!r}", remedy=MEND)
        if not samples or samples[-1][0] != key:
            if key in seen:
                raise ShardFault("a key appears twice", where=f"{where} {key}", remedy=MEND)
            seen.add(key)
            samples.append((key, []))
        samples[-1][1].append(Member(ext, offset, size))
    return [(key, tuple(parts)) for key, parts in samples]
