"""Grids: every picture pixel for pixel at its place, captions inside their column."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from maskgen.drawing.grid import (
    COLORS,
    MARK,
    Cell,
    Column,
    encode_grid,
    outline,
    place,
    render_grid,
    resize_picture,
)


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_every_picture_stands_at_its_place_unchanged() -> None:
    columns = [Column("first", 40), Column("second", 70), Column("third", 20)]
    rows = [
        [Cell(noise(30, column.width, 3 * row + n)) for n, column in enumerate(columns)] for row in range(2)
    ]
    sheet = render_grid(columns, rows, 30)
    for row, cells in enumerate(rows):
        for number, cell in enumerate(cells):
            y, x = place(columns, row, number, 30)
            assert np.array_equal(sheet[y : y + 30, x : x + columns[number].width], cell.picture)
    assert (sheet[:, -6:] == 255).all()


def test_a_marked_cell_is_framed_and_others_are_not() -> None:
    white = np.full((20, 30, 3), 255, np.uint8)
    columns = [Column("a", 30), Column("b", 30)]
    sheet = render_grid(columns, [[Cell(white, marked=True), Cell(white)]], 20)
    framed = (sheet == MARK).all(axis=-1)
    y, x = place(columns, 0, 0, 20)
    assert framed[y - 2, x : x + 30].all()
    assert framed[y : y + 20, x + 31].all()
    assert not framed[:, place(columns, 0, 1, 20)[1] :].any()


@pytest.mark.parametrize("caption", ["a caption far too long for its column", "grüße ✓", ""])
def test_a_caption_stays_under_its_picture(caption: str) -> None:
    white = np.full((20, 40, 3), 255, np.uint8)
    columns = [Column("", 40), Column("", 40)]
    sheet = render_grid(columns, [[Cell(white, caption), Cell(white)]], 20)
    ink = np.argwhere((sheet < 200).any(axis=-1))
    assert bool(len(ink)) == bool(caption)
    y, x = place(columns, 0, 0, 20)
    assert all(row >= y + 20 and x - 1 <= column <= x + 41 for row, column in ink)


def test_rows_must_be_complete() -> None:
    with pytest.raises(ValueError, match="longer"):
        render_grid([Column("a"), Column("b")], [[Cell(noise(5, 5))]])


def test_shrinking_averages_and_growing_repeats() -> None:
    picture = noise(8, 12)
    blocks = picture.reshape(4, 2, 6, 2, 3).mean(axis=(1, 3))
    assert np.abs(resize_picture(picture, (4, 6)) - blocks).max() <= 0.5
    assert np.array_equal(resize_picture(picture, (24, 36)), picture.repeat(3, axis=0).repeat(3, axis=1))


def test_an_outline_lies_on_the_boxs_edge() -> None:
    picture = np.zeros((100, 200, 3), np.uint8)
    outline(picture, (0.2, 0.1, 0.5, 0.4), COLORS[1])
    drawn = (picture == COLORS[1]).all(axis=-1)
    assert drawn[20, 20:100].all()
    assert drawn[69, 20:100].all()
    assert drawn[20:70, 20].all()
    assert drawn[20:70, 99].all()
    assert not drawn[30:60, 30:90].any()


def test_a_file_holds_the_picture() -> None:
    picture = noise(20, 30)
    data = np.frombuffer(encode_grid(picture, ".png"), np.uint8)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), picture)
    assert encode_grid(picture, ".jpg")[:2] == b"\xff\xd8"
