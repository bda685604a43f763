"""Maps of numbers as PNGs: VOC's palette, gray masks, and files that are none."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from maskgen.errors import SourceFault
from maskgen.trainers.datasets.index_png import palette, read_indices, write_indices


def test_numbers_come_back_and_other_programs_see_vocs_colors(tmp_path: Path) -> None:
    numbers = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)
    write_indices(tmp_path / "new" / "a.png", numbers)
    assert np.array_equal(read_indices(tmp_path / "new" / "a.png"), numbers)
    with Image.open(tmp_path / "new" / "a.png") as image:
        assert image.mode == "P"
        assert np.array_equal(np.asarray(image.convert("RGB")), palette()[numbers])


def test_the_palette_has_vocs_known_colors_and_no_two_alike() -> None:
    names = {1: (128, 0, 0), 7: (128, 128, 128), 8: (64, 0, 0), 15: (192, 128, 128), 20: (0, 64, 128)}
    assert {number: tuple(palette()[number].tolist()) for number in names} == names
    assert len(np.unique(palette(), axis=0)) == 256


def test_gray_masks_of_one_object_are_0_and_1(tmp_path: Path) -> None:
    mask = np.zeros((4, 5), np.uint8)
    mask[1, 2:] = 255
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    assert np.array_equal(read_indices(tmp_path / "mask.png"), mask // 255)
    mask[0, 0] = 3
    cv2.imwrite(str(tmp_path / "mask.png"), mask)
    assert np.array_equal(read_indices(tmp_path / "mask.png"), mask)


def test_a_palette_of_few_colors_is_read_as_numbers(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1, 2, 3]], np.uint8))
    image.putpalette(palette()[:4].tobytes())
    image.save(tmp_path / "few.png", bits=2)
    assert read_indices(tmp_path / "few.png").tolist() == [[0, 1, 2, 3]]


@pytest.mark.parametrize("kind", ["color", "jpeg", "deep", "cut", "text", "missing", "huge"])
def test_what_is_no_map_is_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "odd.png"
    gray = np.zeros((40, 40), np.uint8)
    gray[::2] = 7
    if kind == "cut":
        cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 9, (40, 40)).astype(np.uint8))
        path.write_bytes(path.read_bytes()[:200])
    elif kind == "huge":
        cv2.imwrite(str(path), gray)
        data = bytearray(path.read_bytes())
        data[16:20] = (1 << 28).to_bytes(4, "big")
        path.write_bytes(data)
    elif kind != "missing":
        content = {
            "color": cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes(),
            "jpeg": cv2.imencode(".jpg", gray)[1].tobytes(),
            "deep": cv2.imencode(".png", gray.astype(np.uint16) * 99)[1].tobytes(),
            "text": b"no picture",
        }
        path.write_bytes(content[kind])
    with pytest.raises(SourceFault, match=r"cannot read a map of numbers: .*odd\.png"):
        read_indices(path)
