"""Several files by one name: ``part-*.tar``, ``part-{000..127}.tar``."""

from __future__ import annotations

import fnmatch
import itertools
import re

from maskgen.errors import SourceFault, UsageError
from maskgen.io.storage.location import Location, ObjectLocation, file_sizes

from .listing import containers

_BRACES = re.compile(r"\{([^{}]*)\}")
_RANGE = re.compile(r"(\d{1,9})\.\.(\d{1,9})")
_MOST = 1_000_000
_SHOWN = 3


def is_file_pattern(name: str) -> bool:
    """Whether a name stands for several files."""
    return any(sign in name for sign in "*?[{")


def pattern_files(place: Location) -> list[Location]:
    """The files that a pattern names, sorted where it has a wildcard, else in its own order.

    Args:
        place: a folder, and in it a name with ``*``, ``?``, ``[...]``, ``{000..127}`` or ``{a,b}``.

    Raises:
        SourceFault: a file that the braces name is not there, or none fits.
        UsageError: the braces name too many, or none.
    """
    found: list[Location] = []
    missing = []
    folder = place.parent
    # a thousand questions to a store take half a minute, a listing a moment
    listed = file_sizes(folder) if isinstance(folder, ObjectLocation) else None
    for name in expand_braces(place.name):
        if any(sign in name for sign in "*?["):
            hits = containers(folder, lambda one, name=name: fnmatch.fnmatchcase(one, name))  # type: ignore[misc]
        else:
            is_there = (folder / name).is_file() if listed is None else name in listed
            hits = [name] if is_there else []
        missing += [] if hits else [name]
        found += [folder / hit for hit in hits]
    if missing:
        raise SourceFault(
            f"no file is named {missing[0]}",
            where=str(place),
            cause=f"{len(missing)} names of the pattern fit no file: {', '.join(missing[:_SHOWN])}",
            remedy="correct the pattern, or copy what is missing",
        )
    return found


def expand_braces(pattern: str) -> list[str]:
    """The names that a pattern with braces stands for, as bash and webdataset read it.

    Raises:
        UsageError: there are more than a million, or a brace that has no other.

    Example:
        >>> expand_braces("part-{08..11}.tar")
        ['part-08.tar', 'part-09.tar', 'part-10.tar', 'part-11.tar']
        >>> expand_braces("{train,val}-{0..1}.tar")
        ['train-0.tar', 'train-1.tar', 'val-0.tar', 'val-1.tar']
    """
    texts = _BRACES.split(pattern)  # text, what is in braces, text, ...
    if any(sign in text for text in texts[::2] for sign in "{}"):
        raise UsageError(
            "a brace without its other one", where=pattern, remedy="write braces as in part-{000..127}.tar"
        )
    choices = [[text] if number % 2 == 0 else _choices(text, pattern) for number, text in enumerate(texts)]
    count = 1
    for one in choices:
        count *= len(one)
    if count > _MOST:
        raise UsageError(
            f"the pattern names {count:,} files", where=pattern, remedy=f"name {_MOST:,} at most"
        )
    return ["".join(parts) for parts in itertools.product(*choices)]


def _choices(inside: str, pattern: str) -> list[str]:
    match = _RANGE.fullmatch(inside)
    if match is None:
        return inside.split(",")
    first, last = int(match[1]), int(match[2])
    if not 0 <= last - first < _MOST:
        raise UsageError(
            f"{{{inside}}} names {'too many' if last > first else 'no'} files",
            where=pattern,
            remedy="write the first and the last number, as in {000..127}",
        )
    width = len(match[1]) if match[1].startswith("0") else 0
    return [f"{number:0{width}d}" for number in range(first, last + 1)]
