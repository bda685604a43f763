"""A grid of captioned pictures under titles, drawn pixel by pixel where it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.report.sheet import CELL
from maskgen.types import RGB

Colour: TypeAlias = tuple[int, int, int]
"""RGB, 0..255."""

BLACK: Colour = (40, 40, 40)
MARK: Colour = (230, 30, 60)
# Told apart by most colour-blind eyes (Okabe and Ito, 2008), its yellow left out on white.
COLOURS: tuple[Colour, ...] = (
    (213, 94, 0), (0, 114, 178), (0, 158, 115), (204, 121, 167), (230, 159, 0), (86, 180, 233), (128, 0, 128),
    (110, 110, 110),
)  # fmt: skip
_GAP = 6
_TEXT = 16
_FONT = 0.38
_LETTER_PX = 7  # about the width of one


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of a grid.

    Args:
        picture: (H, W, 3) uint8 RGB, no larger than a cell; drawn as it is.
        caption: written below it.
        marked: framed, with its caption in the frame's colour.
    """

    picture: RGB
    caption: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Title:
    """What a column shows, and the colour it is written in."""

    text: str
    colour: Colour = BLACK


def place(row: int, column: int, cell: int = CELL) -> tuple[int, int]:
    """(y, x), px, of the top left pixel of a cell's picture."""
    return _GAP + _TEXT + row * (cell + _TEXT + _GAP), _GAP + column * (cell + _GAP)


def draw_grid(titles: Sequence[Title], rows: Sequence[Sequence[Cell]], *, cell: int = CELL) -> RGB:
    """The grid as a picture.

    Args:
        titles: one for each column.
        rows: cells, each row as many as there are titles.
        cell: side of the square that each picture has, px.

    Returns:
        (H, W, 3) uint8 RGB.
    """
    height, width = place(len(rows), len(titles), cell)
    sheet = np.full((height, width, 3), 255, np.uint8)
    for column, title in enumerate(titles):
        _write(sheet, title.text, place(0, column, cell), title.colour, cell=cell, above=True)
    for number, row in enumerate(rows):
        for column, one in enumerate(row):
            _draw(sheet, one, place(number, column, cell), cell)
    return sheet


def _draw(sheet: RGB, one: Cell, corner: tuple[int, int], cell: int) -> None:
    (y, x), (height, width) = corner, one.picture.shape[:2]
    sheet[y : y + height, x : x + width] = one.picture
    if one.marked:
        cv2.rectangle(sheet, (x - 3, y - 3), (x + width + 2, y + height + 2), MARK, 2)
    _write(sheet, one.caption, (y + cell, x), MARK if one.marked else BLACK, cell=cell)


def _write(
    sheet: RGB, text: str, corner: tuple[int, int], colour: Colour, *, cell: int, above: bool = False
) -> None:
    plain = text.encode("ascii", "backslashreplace").decode()  # OpenCV's fonts know no more
    y, x = corner
    origin = (x, y - 5 if above else y + 12)
    shown = plain[: cell // _LETTER_PX]
    cv2.putText(sheet, shown, origin, cv2.FONT_HERSHEY_SIMPLEX, _FONT, colour, 1, cv2.LINE_AA)


def scaled(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An (H, W, 3) uint8 picture at another (height, width): averaged where it shrinks, in blocks where it grows."""
    shrinks = size[0] <= picture.shape[0] and size[1] <= picture.shape[1]
    kernel = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=kernel), np.uint8)


def outline(picture: RGB, box: Sequence[float], colour: Colour) -> None:
    """Draw the edges of a relative box (y0, x0, height, width) into a picture."""
    height, width = picture.shape[:2]
    y0, x0, tall, wide = box
    first = (round(x0 * width), round(y0 * height))
    last = (
        max(first[0], min(width, round((x0 + wide) * width)) - 1),
        max(first[1], min(height, round((y0 + tall) * height)) - 1),
    )
    cv2.rectangle(picture, first, last, colour, 2)


def encoded(sheet: RGB, ending: str) -> bytes:
    """A picture as a file's bytes; `ending` is ``.png``, ``.jpg`` or ``.jpeg``."""
    done, data = cv2.imencode(ending, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    if not done:  # pragma: no cover - OpenCV refuses no plain array
        raise ValueError("OpenCV could not write the picture")
    return bytes(data)
