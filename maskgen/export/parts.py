"""The parts of an export: which are done, and what is kept of them until the whole is finished."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ..io.storage.reading import open_stream
from ..shards import sealed_json
from .formats.format import Row
from .output import Output

FOLDER = ".maskgen"
"""Of the settings and the parts; hidden, as other programs take every file for theirs."""
SETTINGS = f"{FOLDER}/settings.json"


@dataclass(frozen=True, slots=True)
class Part:
    """A part that was written.

    Args:
        samples: written.
        left_out: samples that the format has no place for.
        damaged: what is wrong with those that are missing, by key.
    """

    samples: int
    left_out: int
    damaged: dict[str, str]


class Parts:
    """The parts of an export, by number; the rows of each lie in a file of JSON lines.

    Args:
        output: where they are kept.
        count: how many there are.
    """

    def __init__(self, output: Output, count: int) -> None:
        self._output = output
        self.count = count

    def read(self, part: int) -> Part | None:
        """A part; None when it is not written yet.

        Raises:
            ShardFault: its file is damaged.
        """
        place = self._output.location / _facts(part)
        if not place.is_file():
            return None
        return Part(**sealed_json.read(place))

    def missing(self) -> list[int]:
        """The parts that are not written yet, or not without damage."""
        found = ((number, self.read(number)) for number in range(self.count))
        return [number for number, part in found if part is None or part.damaged]

    def keep(self, part: int, rows: Iterable[Row]) -> None:
        """Write what is kept of a part; `done` then says that it is written."""
        with self._output.open(_rows(part)) as file:
            for row in rows:
                file.write(json.dumps(row, separators=(",", ":")).encode() + b"\n")

    def done(self, number: int, part: Part) -> None:
        """Say that a part is written, all of it."""
        facts = {"samples": part.samples, "left_out": part.left_out, "damaged": part.damaged}
        self._output.write(_facts(number), sealed_json.render(facts))

    def rows(self) -> Rows:
        """What is kept of all parts, in order; may be read several times."""
        return Rows(self._output, self.count)


@dataclass(frozen=True, slots=True)
class Rows(Iterable[Row]):
    """What is kept of all parts.

    Args:
        output: where they are kept.
        count: of the parts.
    """

    output: Output
    count: int

    def __iter__(self) -> Iterator[Row]:
        for part in range(self.count):
            with open_stream(self.output.location / _rows(part)) as file:
                for line in file:
                    row: dict[str, Any] = json.loads(line)
                    yield row


def _facts(part: int) -> str:
    return f"{FOLDER}/parts/{part:06d}.json"


def _rows(part: int) -> str:
    return f"{FOLDER}/parts/{part:06d}.jsonl"
