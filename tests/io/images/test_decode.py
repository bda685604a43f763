"""Decoding against known pixels, and against the other library: Pillow for the cv2 path, cv2 for Pillow's."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps

from maskgen.errors import ImageFault
from maskgen.io.images.decode import Limits, decode

LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=32_768)
Pixels = NDArray[np.uint8]


def scene(height: int = 48, width: int = 80) -> Pixels:
    """A smooth picture without any symmetry, so that every turn and flip shows."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float64)
    red = 40 + 200 * x / width
    green = 20 + 180 * (y / height) ** 2
    blue = 120 + 60 * np.sin(x / 9) * (y / height)
    return np.stack([red, green, blue], axis=2).round().astype(np.uint8)


def save(picture: Image.Image, format_: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, format_, **options)
    return out.getvalue()


def exif(orientation: int) -> bytes:
    return b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def largest_difference(a: Pixels, b: Pixels) -> int:
    assert a.shape == b.shape
    return int(np.abs(a.astype(int) - b).max())


def png_chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def png(size: tuple[int, int], bits: int, color: int, raw: bytes, *extra: bytes, interlace: int = 0) -> bytes:
    head = struct.pack(">IIBBBBB", *size, bits, color, 0, 0, interlace)
    body = png_chunk(b"IHDR", head) + b"".join(extra) + png_chunk(b"IDAT", zlib.compress(raw))
    return b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b"")


def rows(samples: NDArray[np.generic]) -> bytes:
    """PNG scan lines of (H, W, C) samples without a filter."""
    return b"".join(b"\0" + row.tobytes() for row in samples)


def over_white(rgba: Pixels) -> Pixels:
    alpha = rgba[..., 3:] / 255.0
    return np.asarray(np.rint(rgba[..., :3] * alpha + 255 * (1 - alpha)), np.uint8)


def reason(data: bytes, limits: Limits = LIMITS) -> str:
    with pytest.raises(ImageFault) as caught:
        decode(data, limits)
    return caught.value.reason


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}])
def test_plain_jpeg_agrees_with_pillow_and_is_verbatim(mode: str, options: dict[str, object]) -> None:
    data = save(Image.fromarray(scene()).convert(mode), "JPEG", quality=92, **options)
    photo = decode(data, LIMITS)
    assert photo.verbatim
    assert photo.format == "jpeg"
    assert photo.image.dtype == np.uint8
    assert photo.image.flags.c_contiguous
    assert largest_difference(photo.image, np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))) <= 2


# Stored pixels for an upright picture, by the table of EXIF 2.3, 4.6.4: what row 0 and column 0 show.
STORED = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[::-1],
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a.transpose(1, 0, 2)[:, ::-1],
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_every_orientation_comes_out_upright(format_: str, orientation: int) -> None:
    truth = scene()
    stored = Image.fromarray(np.ascontiguousarray(STORED[orientation](truth)))
    data = save(stored, format_, exif=exif(orientation), quality=97, lossless=True)
    photo = decode(data, LIMITS)
    assert largest_difference(photo.image, truth) <= (10 if format_ == "JPEG" else 0)
    assert photo.image.flags.c_contiguous
    assert photo.verbatim == (format_ == "JPEG" and orientation == 1)
    pillow = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    assert largest_difference(photo.image, pillow) <= 2


def test_16_bit_gray_keeps_the_high_byte() -> None:
    values = np.linspace(0, 65535, 30 * 20).round().astype(np.uint16).reshape(20, 30)
    data = save(Image.fromarray(values), "PNG")
    expected = np.repeat((values // 256).astype(np.uint8)[..., None], 3, axis=2)
    assert np.array_equal(decode(data, LIMITS).image, expected)
    assert np.array_equal(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED), values)


@pytest.mark.parametrize("color", [2, 4, 6])
def test_16_bit_color_and_alpha_keep_the_high_byte(color: int) -> None:
    channels = {2: 3, 4: 2, 6: 4}[color]
    values = np.random.default_rng(5).integers(0, 65536, (9, 13, channels)).astype(">u2")
    high = (values // 256).astype(np.uint8)
    if color == 2:
        expected = high
    else:
        expected = over_white(
            np.concatenate([high[..., :-1]] * (3 if color == 4 else 1) + [high[..., -1:]], 2)
        )
    image = decode(png((13, 9), 16, color, rows(values)), LIMITS).image
    assert largest_difference(image, expected) <= 1


@pytest.mark.parametrize("format_", ["PNG", "WEBP"])
def test_alpha_goes_on_white(format_: str) -> None:
    alpha = np.linspace(0, 255, 48 * 80).reshape(48, 80).astype(np.uint8)
    rgba = np.dstack([scene(), alpha])
    data = save(Image.fromarray(rgba), format_, lossless=True, exact=True)
    independent = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]]
    assert largest_difference(decode(data, LIMITS).image, over_white(independent)) <= 1
    assert largest_difference(over_white(independent), over_white(rgba)) <= 1


@pytest.mark.parametrize("key", [0, 1])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_a_transparent_gray_becomes_white(bits: int, key: int) -> None:
    top = 2**bits - 1
    levels = np.array([0, 1, top], np.int64)
    if bits == 16:
        raw = rows(levels.astype(">u2").reshape(1, 3, 1))
    else:
        packed = sum(int(v) << (32 - bits * (i + 1)) for i, v in enumerate(levels))
        raw = b"\0" + packed.to_bytes(4, "big")[: (3 * bits + 7) // 8]
    data = png((3, 1), bits, 0, raw, png_chunk(b"tRNS", struct.pack(">H", key)))
    second = 1 * 255 // top if bits < 16 else 0
    expected = [255, second, 255] if key == 0 else [0, 255, 255]
    assert decode(data, LIMITS).image[0, :, 0].tolist() == expected


def test_a_transparent_color_and_palette_entry_become_white() -> None:
    pixels = np.array([[[9, 8, 7], [9, 8, 6], [0, 0, 0]]], np.uint8)
    key = png_chunk(b"tRNS", struct.pack(">HHH", 9, 8, 7))
    colored = decode(png((3, 1), 8, 2, rows(pixels), key), LIMITS).image
    assert colored.tolist() == [[[255, 255, 255], [9, 8, 6], [0, 0, 0]]]
    palette = png_chunk(b"PLTE", bytes([9, 8, 7, 100, 0, 0, 1, 2, 3]))
    indices = np.array([[[0], [1], [2]]], np.uint8)
    indexed = decode(
        png((3, 1), 8, 3, rows(indices), palette, png_chunk(b"tRNS", b"\xff\0\x80")), LIMITS
    ).image
    assert indexed[0, :2].tolist() == [[9, 8, 7], [255, 255, 255]]
    assert largest_difference(indexed[0, 2:], over_white(np.array([[1, 2, 3, 128]], np.uint8))) <= 1


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA"])
def test_other_png_modes_agree_with_cv2(mode: str) -> None:
    data = save(Image.fromarray(scene()).convert(mode), "PNG")
    independent = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert np.array_equal(decode(data, LIMITS).image, independent)


PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


@pytest.mark.parametrize("size", [(1, 1), (2, 1), (3, 5), (8, 8), (17, 13)])
def test_interlaced_png_whole_and_short(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(1, 256, (size[1], size[0], 3), dtype=np.uint8)
    raw = b"".join(rows(pixels[y::dy, x::dx]) for x, y, dx, dy in PASSES if pixels[y::dy, x::dx].size)
    assert np.array_equal(decode(png(size, 8, 2, raw, interlace=1), LIMITS).image, pixels)
    assert reason(png(size, 8, 2, raw[:-1], interlace=1)) in ("truncated", "undecodable")


def test_interlaced_png_without_its_last_pass() -> None:
    pixels = np.full((1, 8, 3), 9, np.uint8)
    passes = [rows(pixels[y::dy, x::dx]) for x, y, dx, dy in PASSES if pixels[y::dy, x::dx].size]
    assert np.array_equal(decode(png((8, 1), 8, 2, b"".join(passes), interlace=1), LIMITS).image, pixels)
    assert reason(png((8, 1), 8, 2, b"".join(passes[:-1]), interlace=1)) == "truncated"


def test_black_last_row_is_no_truncation_but_a_short_stream_is() -> None:
    pixels = scene()
    pixels[-1] = 0
    raw = rows(pixels)
    assert np.array_equal(decode(png((80, 48), 8, 2, raw), LIMITS).image, pixels)
    for missing in (1, 241, 24 * 241):
        assert reason(png((80, 48), 8, 2, raw[:-missing])) in ("truncated", "undecodable")


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_jpeg_agrees_with_its_inks(adobe: bool) -> None:
    inks = np.full((32, 40, 4), (200, 30, 90, 20), np.uint8)
    data = save(Image.frombytes("CMYK", (40, 32), inks.tobytes()), "JPEG")
    if not adobe:
        at = data.index(b"\xff\xee")
        data = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4], "big") :]
    photo = decode(data, LIMITS)
    c, m, y, k = (200, 30, 90, 20)
    expected = [round((255 - ink) * (255 - k) / 255) for ink in (c, m, y)]
    assert largest_difference(photo.image, np.full((32, 40, 3), expected, np.uint8)) <= 4
    assert not photo.verbatim
    independent = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert largest_difference(photo.image, independent) <= 4


def test_ycck_jpeg_agrees_with_cv2() -> None:
    inks = np.dstack([scene(), np.full((48, 80), 30, np.uint8)])
    data = bytearray(save(Image.frombytes("CMYK", (80, 48), inks.tobytes()), "JPEG", quality=95))
    data[data.index(b"Adobe") + 11] = 2  # the same values, now declared as YCCK
    independent = cv2.imdecode(np.frombuffer(bytes(data), np.uint8), cv2.IMREAD_COLOR_RGB)
    assert largest_difference(decode(bytes(data), LIMITS).image, independent) <= 4


def test_imagenets_oddities() -> None:
    truth = scene()
    picture = Image.fromarray(truth)
    named_jpeg = decode(save(picture, "PNG"), LIMITS)
    assert named_jpeg.format == "png"
    assert np.array_equal(named_jpeg.image, truth)
    gray = decode(save(picture.convert("L"), "JPEG"), LIMITS)
    assert gray.verbatim
    assert np.ptp(gray.image.astype(int), axis=2).max() == 0
    jpeg = save(picture, "JPEG", quality=97)
    broken = jpeg[:2] + b"\xff\xe1\0\x16Exif\0\0MM\0*\0\0\0\x08\xff\xff\1\x12\0\3" + jpeg[2:]
    photo = decode(broken, LIMITS)
    assert not photo.verbatim
    assert largest_difference(photo.image, truth) <= 10


def test_first_frame_of_animations() -> None:
    frames = [Image.fromarray(scene()), Image.new("RGB", (80, 48), "red")]
    for format_, options in (("PNG", {}), ("WEBP", {"lossless": True})):
        data = save(frames[0], format_, save_all=True, append_images=frames[1:], duration=40, **options)
        assert np.array_equal(decode(data, LIMITS).image, scene())


def test_webp_frame_smaller_than_its_canvas_lies_on_white() -> None:
    still = save(Image.new("RGB", (4, 2), (10, 20, 30)), "WEBP", lossless=True)
    place = struct.pack("<I", 6 // 2)[:3] + struct.pack("<I", 4 // 2)[:3]
    size = struct.pack("<I", 3)[:3] + struct.pack("<I", 1)[:3]
    frame = place + size + b"\x64\0\0\0" + still[12:]
    body = (
        b"WEBPVP8X" + struct.pack("<IB3x", 10, 0x12) + struct.pack("<I", 15)[:3] + struct.pack("<I", 11)[:3]
    )
    body += b"ANIM" + struct.pack("<IIH", 6, 0, 0) + b"ANMF" + struct.pack("<I", len(frame)) + frame
    image = decode(b"RIFF" + struct.pack("<I", len(body)) + body, LIMITS).image
    expected = np.full((12, 16, 3), 255, np.uint8)
    expected[4:6, 6:10] = (10, 20, 30)
    assert np.array_equal(image, expected)


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (Limits(1, 10**9, 10**9), "too-many-bytes"),
        (Limits(10**9, 80 * 48 - 1, 10**9), "too-many-pixels"),
        (Limits(10**9, 10**9, 79), "side-too-long"),
    ],
)
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_limits_refuse_and_admit_exactly(format_: str, limits: Limits, expected: str) -> None:
    data = save(Image.fromarray(scene()), format_)
    assert reason(data, limits) == expected
    assert decode(data, Limits(len(data), 80 * 48, 80)).image.shape == (48, 80, 3)


@pytest.mark.parametrize(
    "options", [{}, {"progressive": True}, {"exif": exif(6)}, {"restart_marker_rows": 1}]
)
def test_every_cut_of_a_jpeg_is_refused(options: dict[str, object]) -> None:
    data = save(Image.fromarray(scene()), "JPEG", **options)
    for stop in range(2, len(data), 5):
        assert reason(data[:stop]) in ("truncated", "bad-header")
    assert reason(data[:-1]) == "truncated"


def test_the_thumbnails_end_is_not_the_photos_end() -> None:
    thumbnail = save(Image.new("RGB", (16, 16), "blue"), "JPEG")
    data = save(Image.fromarray(scene()), "JPEG", exif=exif(1) + thumbnail)
    assert decode(data, LIMITS).verbatim
    assert reason(data[: len(data) * 3 // 4]) == "truncated"


@pytest.mark.parametrize("mode", ["RGB", "P", "I;16", "LA"])
def test_every_cut_of_a_png_is_refused(mode: str) -> None:
    gray = Image.fromarray(np.arange(48 * 80, dtype=np.uint16).reshape(48, 80))
    data = save(gray if mode == "I;16" else Image.fromarray(scene()).convert(mode), "PNG")
    for stop in range(33, len(data) - 4, 7):
        assert reason(data[:stop]) == "truncated"


@pytest.mark.parametrize("lossless", [False, True])
def test_every_cut_of_a_webp_is_refused(lossless: bool) -> None:
    data = save(Image.fromarray(scene()), "WEBP", lossless=lossless)
    for stop in range(30, len(data), 7):
        assert reason(data[:stop]) == "truncated"


def test_one_wrong_bit_in_png_data_is_refused() -> None:
    data = save(Image.fromarray(scene()), "PNG")
    for at in range(45, len(data) - 16, 11):
        assert reason(data[:at] + bytes([data[at] ^ 4]) + data[at + 1 :]) in ("undecodable", "truncated")


@pytest.mark.slow
def test_unusable_metadata_does_not_matter() -> None:
    truth = scene()
    bad = [
        png_chunk(b"iCCP", b"name\0\7rubbish"),
        png_chunk(b"zTXt", b"key\0\0" + zlib.compress(bytes(100 << 20), 9)),
        png_chunk(b"acTL", struct.pack(">II", 0, 0)),
        png_chunk(b"fcTL", bytes(3)),
        png_chunk(b"tEXt", b"")[:-4] + b"\0\0\0\0",
    ]
    assert np.array_equal(decode(png((80, 48), 8, 2, rows(truth), *bad), LIMITS).image, truth)


def test_a_palette_png_without_a_palette_is_refused() -> None:
    assert reason(png((3, 1), 8, 3, b"\0\0\1\2")) == "undecodable"


def test_size_of_the_data_must_be_the_headers() -> None:
    still = save(Image.new("RGB", (40, 20)), "WEBP")
    body = b"WEBPVP8X" + struct.pack("<I4x", 10) + struct.pack("<I", 49)[:3] + struct.pack("<I", 19)[:3]
    assert (
        reason(b"RIFF" + struct.pack("<I", len(body) + len(still) - 12) + body + still[12:]) == "undecodable"
    )


def test_pillows_settings_are_left_alone() -> None:
    before = (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS)
    decode(save(Image.fromarray(scene()), "PNG"), LIMITS)
    assert (ImageFile.LOAD_TRUNCATED_IMAGES, Image.MAX_IMAGE_PIXELS) == before == (False, 89478485)


@pytest.mark.slow
def test_real_photos_agree_with_pillow(shared_data: Path) -> None:
    seen = {"jpeg": 0, "png": 0}
    folders = ("imagenet_sample_1000", "coco_tiny_160", "dali_coco", "ecssd", "u2net_official", "rbd108")
    for path in sorted(p for f in folders for p in (shared_data / f).rglob("*"))[::9]:
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png"):
            continue
        photo = decode(path.read_bytes(), LIMITS)
        with Image.open(path) as image:
            expected = np.asarray(image.convert("RGB"))
            transparent = image.has_transparency_data
        if not transparent:
            assert largest_difference(photo.image, expected) <= 3, path.name
        assert photo.verbatim == (photo.format == "jpeg"), path.name
        seen[photo.format] += 1
    assert min(seen.values()) >= 20
