from __future__ import annotations

import cv2
import numpy as np

from maskgen.report import sheet


def test_overlay_tints_the_foreground_only() -> None:
    photo = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    hard = np.zeros((20, 30), bool)
    hard[5:10, 6:12] = True
    tinted = sheet.overlay(photo, hard)
    assert (tinted[~hard] == photo[~hard]).all()
    assert (tinted[hard][:, 0].astype(int) >= photo[hard][:, 0] // 2 + 100).all()


def test_every_picture_lands_in_the_sheet() -> None:
    colours = [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    rows = [
        sheet.Row(f"key{n}", tuple(np.full((40, 60, 3), colour, np.uint8) for colour in colours))
        for n in range(5)
    ]
    image = cv2.imdecode(np.frombuffer(sheet.contact_sheet(rows), np.uint8), cv2.IMREAD_COLOR_RGB)
    for colour in colours:
        pixels = (image == colour).all(axis=2).sum()
        assert pixels == 5 * sheet.CELL * round(sheet.CELL * 40 / 60)


def test_an_empty_sheet_is_still_a_picture() -> None:
    assert cv2.imdecode(np.frombuffer(sheet.contact_sheet([]), np.uint8), cv2.IMREAD_COLOR) is not None
