"""What a source consists of: parts that are listed each by itself, and notes on what they leave out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias

from maskgen.config.counted import counted
from maskgen.io.storage.location import Location
from maskgen.types import SourceItem


class Notes:
    """Counts of what a listing left out or assumed, each with its first example."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], int] = {}
        self._examples: dict[tuple[str, str], str] = {}
        self._late: set[tuple[str, str]] = set()

    def add(self, one: str, many: str, example: str, count: int = 1, *, late: bool = False) -> None:
        """Count a fact, in its words for one thing and for more or none; keep the first example.

        Args:
            one: its words for one thing.
            many: for more or none.
            example: what it is true of.
            count: of things.
            late: told behind all others: known only when a part, or all, has been listed.
        """
        self._counts[one, many] = self._counts.get((one, many), 0) + count
        self._examples.setdefault((one, many), example)
        if late:
            self._late.add((one, many))

    def merge(self, other: Notes) -> None:
        """Add what a later part of the listing has counted."""
        for one, many, example, count, late in other.facts():
            self.add(one, many, example, count, late=late)

    def facts(self) -> list[tuple[str, str, str, int, bool]]:
        """The arguments with which `add` makes equal notes, in the order in which they were met."""
        return [
            (*fact, self._examples[fact], count, fact in self._late) for fact, count in self._counts.items()
        ]

    def lines(self) -> list[str]:
        """One sentence per fact, in the order they were met."""
        return [
            f"{counted(count, one, many)} (first: {example})"
            for one, many, example, count, _ in sorted(self.facts(), key=lambda fact: fact[-1])
        ]


Lister: TypeAlias = Callable[[Notes], Iterator[SourceItem]]
"""Lists a source, or a part of it: yields the items in a fixed order, adds to the notes it is given."""


class Subject(NamedTuple):
    """Something that is read from files, and stays the same as long as they do.

    Args:
        files: all that it is read from.
        given: all else that it depends on, as JSON.
    """

    files: tuple[Location, ...]
    given: str


@dataclass(frozen=True, slots=True)
class FilePart:
    """A part of a source that lies in files of its own; called, it lists them as any `Lister` does.

    Args:
        lister: of the part.
        subject: what it depends on.
    """

    lister: Lister
    subject: Subject

    def __call__(self, notes: Notes) -> Iterator[SourceItem]:
        """Yield the images."""
        return self.lister(notes)


def file_part(lister: Lister, *files: Location, given: tuple[object, ...]) -> FilePart:
    """A part that lies in files.

    Args:
        lister: of the part.
        files: all that it reads.
        given: all else that it depends on: texts, numbers, lists of them.
    """
    return FilePart(lister, Subject(files, json.dumps(given)))


class Recall(Protocol):
    """Reads something from files, or knows what was read when they looked as they do now."""

    def __call__(self, subject: Subject, make: Callable[[], Any]) -> Any:
        """The JSON value of a subject.

        Args:
            subject: of it.
            make: reads it from the files.

        Raises:
            MaskgenError: what `make` raises.
        """
        ...


def read_anew(subject: Subject, make: Callable[[], Any]) -> Any:  # noqa: ARG001 - see `Recall`
    """A `Recall` that knows nothing."""
    return make()
