"""Encoders against Pillow's reading of their bytes; resizing against means and lines worked by hand."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image
from PIL.JpegImagePlugin import get_sampling

from maskgen.errors import ImageFault
from maskgen.io.images.decode import Limits, decode
from maskgen.io.images.encode import (
    encode_cutout_png,
    encode_jpeg,
    encode_mask_png,
    resize_mask,
    resize_short_side,
)

LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=65_535)


def smooth(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([30 + 200 * x / width, 250 - 190 * y / height, 90 + 0 * x], axis=2).astype(np.uint8)


def test_jpeg_is_baseline_420_without_metadata_and_close_to_the_image() -> None:
    image = smooth(61, 83)
    data = encode_jpeg(image, 95)
    read = Image.open(io.BytesIO(data))
    assert (read.format, read.size, read.mode) == ("JPEG", (83, 61), "RGB")
    assert get_sampling(read) == 2
    assert not {"progressive", "exif", "icc_profile", "comment"} & set(read.info)
    assert np.abs(np.asarray(read).astype(int) - image).max() <= 6
    assert decode(data, LIMITS).verbatim


def test_quality_is_the_one_asked_for() -> None:
    image = smooth(64, 64)
    tables = {}
    for quality in (1, 50, 90, 95, 100):
        ours = Image.open(io.BytesIO(encode_jpeg(image, quality)))
        out = io.BytesIO()
        Image.fromarray(image).save(out, "JPEG", quality=quality, subsampling="4:2:0")
        assert ours.quantization == Image.open(out).quantization
        tables[quality] = ours.quantization[0][0]
    assert sorted(tables.values(), reverse=True) == list(tables.values())


def test_equal_input_gives_equal_bytes_from_any_layout_and_thread_count() -> None:
    image = np.random.default_rng(2).integers(0, 256, (200, 300, 3), dtype=np.uint8)
    mask = np.ascontiguousarray(image[..., 0])
    threads = cv2.getNumThreads()
    results = set()
    try:
        for count in (1, 2):
            cv2.setNumThreads(count)
            strided = np.asfortranarray(image)
            for pixels in (image, strided):
                results.add((encode_jpeg(pixels, 90), encode_mask_png(mask, False)))
            results.add((encode_jpeg(image, 90), encode_mask_png(np.asfortranarray(mask), False)))
    finally:
        cv2.setNumThreads(threads)
    assert len(results) == 1


def test_soft_mask_png_is_lossless_gray_and_no_larger_than_cv2s_default() -> None:
    y, x = np.mgrid[0:90, 0:120]
    mask = (255 / (1 + np.exp((np.hypot(y - 40, x - 60) - 30) / 3))).astype(np.uint8)
    data = encode_mask_png(mask, False)
    read = Image.open(io.BytesIO(data))
    assert read.mode == "L"
    assert np.array_equal(np.asarray(read), mask)
    assert len(data) <= len(cv2.imencode(".png", mask)[1])


def test_binary_mask_png_has_one_bit_per_pixel() -> None:
    mask = (np.random.default_rng(4).random((33, 45)) > 0.5).astype(np.uint8) * 255
    read = Image.open(io.BytesIO(encode_mask_png(mask, True)))
    assert read.mode == "1"
    assert np.array_equal(np.asarray(read), mask == 255)


@pytest.mark.parametrize("value", [1, 127, 128, 254])
def test_a_soft_value_is_no_binary_mask(value: int) -> None:
    mask = np.zeros((4, 4), np.uint8)
    mask[2, 1] = value
    with pytest.raises(ImageFault, match="unencodable"):
        encode_mask_png(mask, True)


@pytest.mark.parametrize("shape", [(0, 5, 3), (5, 0, 3), (65_501, 1, 3), (1, 65_501, 3), (5, 5), (5, 5, 4)])
def test_impossible_images_are_unencodable(shape: tuple[int, ...]) -> None:
    with pytest.raises(ImageFault) as caught:
        encode_jpeg(np.zeros(shape, np.uint8), 90)
    assert caught.value.reason == "unencodable"


@pytest.mark.parametrize(
    "array", [np.zeros((5, 5), np.float32), np.zeros((0, 5), np.uint8), np.zeros((5, 5, 3), np.uint8)]
)
def test_impossible_masks_are_unencodable(array: np.ndarray) -> None:
    with pytest.raises(ImageFault) as caught:
        encode_mask_png(array, False)
    assert caught.value.reason == "unencodable"


def test_the_longest_side_there_is() -> None:
    strip = np.full((1, 65_500, 3), 77, np.uint8)
    assert np.abs(decode(encode_jpeg(strip, 90), LIMITS).image.astype(int) - 77).max() <= 2


@pytest.mark.parametrize(
    ("shape", "side", "expected"),
    [
        ((300, 400), 150, (150, 200)),
        ((400, 300), 150, (200, 150)),
        ((333, 500), 224, (224, 336)),
        ((100, 100), 100, (100, 100)),
        ((100, 200), 150, (100, 200)),
        ((300, 400), 0, (300, 400)),
        ((2, 9), 1, (1, 4)),
    ],
)
def test_short_side(shape: tuple[int, int], side: int, expected: tuple[int, int]) -> None:
    image = smooth(*shape)
    resized = resize_short_side(image, side)
    assert resized.shape == (*expected, 3)
    if shape == expected:
        assert resized is image


def test_shrinking_by_a_whole_factor_is_the_mean_of_blocks() -> None:
    rng = np.random.default_rng(6)
    image = rng.integers(0, 256, (40, 60, 3), dtype=np.uint8)
    means = image.reshape(10, 4, 15, 4, 3).mean(axis=(1, 3))
    assert np.abs(resize_short_side(image, 10) - means).max() <= 0.51
    soft = rng.random((40, 60)).astype(np.float32)
    np.testing.assert_allclose(
        resize_mask(soft, (10, 15)), soft.reshape(10, 4, 15, 4).mean(axis=(1, 3)), atol=1e-6
    )


def test_growing_a_mask_is_linear_between_pixel_centers() -> None:
    grown = resize_mask(np.array([[0.0, 1.0]], np.float32), (1, 4))
    np.testing.assert_allclose(grown, [[0.0, 0.25, 0.75, 1.0]], atol=1e-6)


@pytest.mark.parametrize("size", [(7, 90), (90, 7), (50, 50), (1, 1), (31, 47)])
@pytest.mark.parametrize("type_", [np.uint8, np.float32])
def test_resized_masks_keep_type_and_range(type_: type, size: tuple[int, int]) -> None:
    top = 255 if type_ is np.uint8 else 1
    mask = ((np.random.default_rng(8).random((31, 47)) > 0.5) * top).astype(type_)
    resized = resize_mask(mask, size)
    assert (resized.shape, resized.dtype) == (size, mask.dtype)
    assert resized.min() >= 0
    assert resized.max() <= top
    full = resize_mask(np.full((31, 47), top, type_), size)
    assert full.min() == full.max() == top


def test_a_cutout_keeps_color_and_opacity() -> None:
    image = np.random.default_rng(9).integers(0, 256, (12, 17, 4), dtype=np.uint8)
    data = encode_cutout_png(image)
    with Image.open(io.BytesIO(data)) as read:
        assert read.mode == "RGBA"
        assert (np.asarray(read) == image).all()
    assert encode_cutout_png(image) == data
