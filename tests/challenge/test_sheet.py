from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from challenge_kit import FOREGROUND

from maskgen.challenge.sheet import CELL_PX, draw_sheet
from maskgen.challenge.variants import VARIANTS
from maskgen.drawing.grid import Column, place
from maskgen.errors import ShardFault


@pytest.mark.slow
@pytest.mark.parametrize("folders", [True, False])
def test_each_row_shows_a_photo_in_all_variants(folders: bool, challenge: Path, tmp_path: Path) -> None:
    output = challenge
    if not folders:
        output = tmp_path / "out"
        shutil.copytree(challenge, output)
        for variant in VARIANTS:
            shutil.rmtree(output / variant)
    sheet = cv2.imdecode(np.frombuffer(draw_sheet(output, ".png", rows=3), np.uint8), cv2.IMREAD_COLOR)
    columns = [Column(variant, CELL_PX) for variant in VARIANTS]
    for row, number in enumerate((1, 7, 12)):  # 12 photos: the first, the middle, the last
        middle, corner = [], []
        for column in range(len(VARIANTS)):
            y, x = place(columns, row, column, CELL_PX)
            middle.append(int(sheet[y + CELL_PX // 2, x + CELL_PX // 2, 0]))
            corner.append(int(sheet[y, x, 0]))
        own = 10 * number
        assert middle == [FOREGROUND, 0, own, 0, FOREGROUND, FOREGROUND, FOREGROUND, FOREGROUND]
        assert corner[:5] == [own, own, own, own, 0]
        assert not set(corner[5:]) & {own, 0, FOREGROUND}


def test_a_picture_that_is_missing_is_named(challenge: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    shutil.copytree(challenge, output)
    next((output / "no_fg" / "val").glob("*/k01.png")).unlink()
    with pytest.raises(ShardFault, match=r"a picture of the challenge is missing: .*no_fg.*k01"):
        draw_sheet(output, ".png")


def test_an_unfinished_challenge_has_no_sheet(tmp_path: Path) -> None:
    with pytest.raises(ShardFault):
        draw_sheet(tmp_path, ".png")
