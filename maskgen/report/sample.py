"""One mask of the set: what is known of it, and where its bytes lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..evaluation.pairs import MaskEntry
from ..evaluation.reading import Blob


@dataclass(frozen=True, slots=True)
class Sample:
    """One mask.

    Args:
        entry: its names, best first, and the bytes of the mask and, where there is one, of the photo.
        path: of the photo in its source; of a plain map its file.
        size: (height, width) of the photo, px; None where the mask alone says it.
        coverage: share of the photo that is foreground, [0, 1].
        confidence: in the mask, [0, 1]; None where it is unknown.
        sides: how many of the photo's four sides the foreground touches.
    """

    entry: MaskEntry
    path: str
    size: tuple[int, int] | None
    coverage: float
    confidence: float | None
    sides: int

    @property
    def key(self) -> str:
        """The name that it is known by."""
        return self.entry.names[0]


@dataclass(slots=True)
class Findings:
    """What was found out beside the tables, by key.

    Args:
        pieces: of the foreground.
        agreement: intersection over union with the other mask set.
        truth: intersection over union with the truth.
        others: the mask of the other set.
        truths: the truths that were evaluated.
    """

    pieces: dict[str, int] = field(default_factory=dict)
    agreement: dict[str, float] = field(default_factory=dict)
    truth: dict[str, float] = field(default_factory=dict)
    others: dict[str, Blob] = field(default_factory=dict)
    truths: dict[str, Any] = field(default_factory=dict)


def find_named(entry: MaskEntry, known: Mapping[str, Any]) -> Any:
    """What belongs to a mask by the first of its names that is known, or None.

    Example:
        >>> from maskgen.evaluation.pairs import MaskEntry
        >>> from maskgen.evaluation.reading import Blob
        >>> from maskgen.report.sample import find_named
        >>> find_named(MaskEntry(("animals_cat", "cat"), Blob("cat.png")), {"cat": 7})
        7
    """
    return next((known[name] for name in entry.names if name in known), None)


def touched_sides(box: tuple[int, int, int, int], size: tuple[int, int]) -> int:
    """How many sides of a photo the box around a foreground touches.

    Args:
        box: (y0, x0, y1, x1), px, half open; all zero when there is no foreground.
        size: (height, width) of the photo, px.

    Example:
        >>> from maskgen.report.sample import touched_sides
        >>> touched_sides((0, 3, 10, 20), (10, 20)), touched_sides((0, 0, 0, 0), (10, 20))
        (3, 0)
    """
    y0, x0, y1, x1 = box
    return 0 if y1 <= y0 else (y0 <= 0) + (x0 <= 0) + (y1 >= size[0]) + (x1 >= size[1])
