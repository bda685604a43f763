"""A grid of captioned pictures under titles, drawn pixel by pixel where it is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..types import RGB
from .contact_sheet import CELL

Color: TypeAlias = tuple[int, int, int]
"""RGB, 0..255."""

BLACK: Color = (40, 40, 40)
MARK: Color = (230, 30, 60)
# Told apart by most color-blind eyes (Okabe and Ito, 2008), its yellow left out on white.
COLORS: tuple[Color, ...] = (
    (213, 94, 0),
    (0, 114, 178),
    (0, 158, 115),
    (204, 121, 167),
    (230, 159, 0),
    (86, 180, 233),
    (128, 0, 128),
    (110, 110, 110),
)
_GAP = 6
_TEXT = 16
_FACE, _FONT = cv2.FONT_HERSHEY_SIMPLEX, 0.38


@dataclass(frozen=True, slots=True)
class Cell:
    """One picture of a grid.

    Args:
        picture: (H, W, 3) uint8 RGB, no larger than its column is wide and its row is high; drawn as it is.
        caption: written below it.
        marked: framed, with its caption in the frame's color.
    """

    picture: RGB
    caption: str = ""
    marked: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a grid.

    Args:
        title: what it shows.
        width: of its pictures and captions, px.
        color: of its title.
    """

    title: str
    width: int = CELL
    color: Color = BLACK


def place(columns: Sequence[Column], row: int, column: int, height: int = CELL) -> tuple[int, int]:
    """(y, x), px, of the top left pixel of a cell's picture, with rows of this height.

    Example:
        >>> from maskgen.drawing.grid import place
        >>> from maskgen.drawing.grid import Column
        >>> place([Column("photo", 40), Column("mask", 40)], 0, 1, height=30)
        (22, 52)
    """
    left = sum(one.width + _GAP for one in columns[:column])
    return _GAP + _TEXT + row * (height + _TEXT + _GAP), _GAP + left


def render_grid(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], height: int = CELL) -> RGB:
    """The grid as a picture.

    Args:
        columns: from left to right.
        rows: as many cells in each as there are columns.
        height: of the highest picture, px.

    Returns:
        (H, W, 3) uint8 RGB.

    Example:
        >>> from maskgen.drawing.grid import render_grid
        >>> import numpy as np
        >>> from maskgen.drawing.grid import Cell, Column
        >>> cell = Cell(np.zeros((30, 40, 3), np.uint8), "a photo")
        >>> render_grid([Column("photo", 40)], [[cell], [cell]], height=30).shape
        (126, 52, 3)
    """
    sheet = np.full((*place(columns, len(rows), len(columns), height), 3), 255, np.uint8)
    for number, column in enumerate(columns):
        y, x = place(columns, 0, number, height)
        _write(sheet, column.title, (y - 5, x), column.color, column.width)
    for number, row in enumerate(rows):
        for position, (cell, column) in enumerate(zip(row, columns, strict=True)):
            _render_cell(sheet, cell, place(columns, number, position, height), column.width)
    return sheet


def _render_cell(sheet: RGB, cell: Cell, corner: tuple[int, int], width: int) -> None:
    (y, x), (tall, wide) = corner, cell.picture.shape[:2]
    sheet[y : y + tall, x : x + wide] = cell.picture
    if cell.marked:
        cv2.rectangle(sheet, (x - 3, y - 3), (x + wide + 2, y + tall + 2), MARK, 2)
    _write(sheet, cell.caption, (y + tall + 13, x), MARK if cell.marked else BLACK, width)


def _write(sheet: RGB, text: str, foot: tuple[int, int], color: Color, width: int) -> None:
    plain = text.encode("ascii", "backslashreplace").decode()  # OpenCV's fonts know no more
    while plain and cv2.getTextSize(plain, _FACE, _FONT, 1)[0][0] > width:
        plain = plain[:-1]
    cv2.putText(sheet, plain, foot[::-1], _FACE, _FONT, color, 1, cv2.LINE_AA)


def resize_picture(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """An (H, W, 3) uint8 picture at another (height, width).

    Averaged where it shrinks, in blocks where it grows.

    Example:
        >>> from maskgen.drawing.grid import resize_picture
        >>> import numpy as np
        >>> resize_picture(np.zeros((30, 60, 3), np.uint8), (15, 30)).shape
        (15, 30, 3)
    """
    shrinks = size[0] <= picture.shape[0] and size[1] <= picture.shape[1]
    kernel = cv2.INTER_AREA if shrinks else cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, size[::-1], interpolation=kernel), np.uint8)


def outline(picture: RGB, box: Sequence[float], color: Color) -> None:
    """Draw the edges of a relative box (y0, x0, height, width) into a picture.

    Example:
        >>> from maskgen.drawing.grid import outline
        >>> import numpy as np
        >>> picture = np.zeros((20, 20, 3), np.uint8)
        >>> outline(picture, (0.25, 0.25, 0.5, 0.5), (255, 0, 0))
        >>> picture[5, 10].tolist(), picture[10, 10].tolist()
        ([255, 0, 0], [0, 0, 0])
    """
    height, width = picture.shape[:2]
    y0, x0, tall, wide = box
    first = (round(x0 * width), round(y0 * height))
    last = (
        max(first[0], min(width, round((x0 + wide) * width)) - 1),
        max(first[1], min(height, round((y0 + tall) * height)) - 1),
    )
    cv2.rectangle(picture, first, last, color, 2)


def encode_grid(sheet: RGB, ending: str) -> bytes:
    """An (H, W, 3) uint8 RGB picture as a file's bytes; `ending` is ``.png``, ``.jpg`` or ``.jpeg``.

    Raises:
        ValueError: OpenCV does not write such files.

    Example:
        >>> from maskgen.drawing.grid import encode_grid
        >>> import numpy as np
        >>> encode_grid(np.zeros((20, 20, 3), np.uint8), ".png")[1:4]
        b'PNG'
    """
    done, data = cv2.imencode(ending, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    if not done:  # pragma: no cover - OpenCV refuses no plain array
        raise ValueError("OpenCV could not write the picture")
    return bytes(data)
