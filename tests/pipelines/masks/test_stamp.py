"""A stamp leaves the picture as it is for every reader, and is read back; damage is noticed."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from maskgen.io.images.encode import encode_mask_png
from maskgen.pipelines.masks.stamp import Stamp, read_stamp

STAMP = Stamp({"method": "fast", "words": "ü\n"}, "0" * 64)


@pytest.fixture
def png(tmp_path: Path) -> Path:
    mask = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)
    path = tmp_path / "mask.png"
    path.write_bytes(STAMP.put_on(encode_mask_png(mask, binary=False)))
    return path


def test_other_readers_see_the_same_picture_and_the_stamp_as_text(png: Path) -> None:
    bare = np.random.default_rng(0).integers(0, 256, (20, 30)).astype(np.uint8)
    with Image.open(io.BytesIO(png.read_bytes())) as image:
        image.load()
        assert (np.asarray(image) == bare).all()
        assert image.text["maskgen"].startswith('{"photo_sha256":"000')  # type: ignore[attr-defined]
    assert (cv2.imread(str(png), cv2.IMREAD_UNCHANGED) == bare).all()


def test_what_was_written_is_read_back(png: Path) -> None:
    assert read_stamp(png) == (STAMP, True)


@pytest.mark.parametrize("cut", [0, 8, 20, 40, 60])
def test_a_file_that_is_cut_in_its_head_has_no_stamp(png: Path, cut: int) -> None:
    png.write_bytes(png.read_bytes()[:cut])
    assert read_stamp(png) == (None, False)


def test_a_file_that_is_cut_behind_its_stamp_is_not_whole(png: Path) -> None:
    png.write_bytes(png.read_bytes()[:-5])
    assert read_stamp(png) == (STAMP, False)


def test_a_changed_stamp_is_none(png: Path) -> None:
    data = bytearray(png.read_bytes())
    data[60] ^= 1
    png.write_bytes(data)
    assert read_stamp(png) == (None, True)


@pytest.mark.parametrize("text", [b"maskgen\0[1]", b"maskgen\0{}", b"maskgen\0no json", b"Software\0x"])
def test_the_words_of_other_programs_are_no_stamp(png: Path, text: bytes) -> None:
    import struct
    import zlib

    bare = encode_mask_png(np.zeros((2, 2), np.uint8), binary=False)
    body = b"tEXt" + text
    chunk = struct.pack(">I", len(text)) + body + struct.pack(">I", zlib.crc32(body))
    png.write_bytes(bare[:33] + chunk + bare[33:])
    assert read_stamp(png) == (None, True)


def test_files_of_others_have_none(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encode_mask_png(np.zeros((2, 2), np.uint8), binary=False))
    (tmp_path / "b.png").write_bytes(b"GIF89a")
    assert [read_stamp(tmp_path / name)[0] for name in ("a.png", "b.png")] == [None, None]
