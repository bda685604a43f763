"""The odd files of public sets are read as the papers' readers do; cut ones are refused."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from public_sets_kit import picture

from maskgen.errors import ShardFault
from maskgen.trainers.datasets.public.picture import read_picture


def jpeg() -> bytes:
    return cv2.imencode(".jpg", picture(3, 80))[1].tobytes()


def test_a_gif_by_any_name_is_its_first_frame() -> None:
    frames = [Image.fromarray(picture(seed)).quantize(16) for seed in (1, 2)]
    file = io.BytesIO()
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])
    expected = np.asarray(Image.open(io.BytesIO(file.getvalue())).convert("RGB"))
    assert np.array_equal(read_picture(file.getvalue(), "a.jpg"), expected)


def test_a_damaged_jpeg_is_what_pillow_makes_of_it() -> None:
    data = bytearray(jpeg())
    data[len(data) // 2 : len(data) // 2] = b"\xff\x00" * 40
    theirs = np.asarray(Image.open(io.BytesIO(bytes(data))).convert("RGB")).astype(int)
    assert np.abs(theirs - read_picture(bytes(data), "a.jpg")).max() <= 1


def test_cut_and_foreign_files_are_named() -> None:
    file = io.BytesIO()
    Image.fromarray(picture(1)).quantize(16).save(file, "GIF")
    huge = bytearray(file.getvalue())
    huge[6:10] = b"\xff\xff\xff\xff"
    for data in (jpeg()[:-300], b"<html>", file.getvalue()[:-60], bytes(huge)):
        with pytest.raises(ShardFault, match=r"a picture does not decode: a\.jpg(.|\n)*download it again"):
            read_picture(data, "a.jpg")
