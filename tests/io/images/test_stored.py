"""Members of shards are decoded as another library decodes them, and damage is told."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from maskgen.errors import ImageFault
from maskgen.io.images.encode import encode_jpeg, encode_lean_mask, encode_mask_png, encode_photo_png
from maskgen.io.images.stored import decode_lean_mask, decode_mask, decode_photo

LEVELS = np.random.default_rng(0).integers(0, 256, (31, 47)).astype(np.uint8)


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    return np.stack([y * 255 // height, x * 255 // width, (x + y) % 256], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("binary", [False, True])
def test_a_mask_comes_back_exactly(binary: bool) -> None:
    levels = np.where(LEVELS > 127, 255, 0).astype(np.uint8) if binary else LEVELS
    data = encode_mask_png(levels, binary)
    assert Image.open(io.BytesIO(data)).mode == ("1" if binary else "L")
    assert np.array_equal(decode_mask(data), levels)


def test_a_photo_is_what_pillow_decodes() -> None:
    data = encode_jpeg(smooth(60, 90), 95)
    theirs = np.asarray(Image.open(io.BytesIO(data)))
    assert np.abs(decode_photo(data).astype(int) - theirs).max() <= 2


def test_an_orientation_in_the_file_is_left_alone() -> None:
    exif, out = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.fromarray(smooth(20, 50)).save(out, "JPEG", exif=exif)
    assert decode_photo(out.getvalue()).shape == (20, 50, 3)


def test_damage_is_told() -> None:
    mask, photo = encode_mask_png(LEVELS, False), encode_jpeg(smooth(60, 90), 95)
    for decode, data in ((decode_mask, mask), (decode_photo, photo)):
        for torn in (b"", b"no picture", data[:20]):
            with pytest.raises(ImageFault):
                decode(torn)


def test_a_lost_part_is_told_where_a_decoder_would_guess() -> None:
    mask, photo = encode_mask_png(LEVELS, False), encode_jpeg(smooth(60, 90), 95)
    for decode, data in ((decode_mask, mask), (decode_photo, photo)):
        middle = len(data) * 2 // 3
        for torn in (data[:middle] + data[-12:], data[:middle] + bytes(40) + data[middle + 40 :]):
            with pytest.raises(ImageFault):
                decode(torn)


def test_a_header_that_promises_too_much_is_not_believed() -> None:
    mask = bytearray(encode_mask_png(LEVELS, False))
    mask[16:24] = (1 << 16).to_bytes(4, "big") * 2
    with pytest.raises(ImageFault):
        decode_mask(bytes(mask))


def test_a_lean_mask_of_another_size_or_kind_is_not_decoded() -> None:
    levels = np.arange(128 * 128, dtype=np.uint32).astype(np.uint8).reshape(128, 128)
    data = np.frombuffer(encode_lean_mask(levels), np.uint8)
    assert np.array_equal(decode_lean_mask(data, 128), levels)
    others = (
        encode_lean_mask(np.zeros((8000, 8000), np.uint8)),
        encode_mask_png(np.zeros((128, 128), np.uint8), binary=True),
        encode_photo_png(np.zeros((128, 128, 3), np.uint8)),
        encode_jpeg(np.zeros((128, 128, 3), np.uint8), 90),
        b"",
    )
    for other in others:
        with pytest.raises(ImageFault, match="no 8-bit gray PNG of 128x128 px"):
            decode_lean_mask(np.frombuffer(other, np.uint8), 128)
    for cut in (40, len(data) // 2):
        with pytest.raises(ImageFault, match="undecodable"):
            decode_lean_mask(data[:cut], 128)
