"""The walks over JPEG segments, PNG chunks and WebP chunks, against files written by Pillow and by hand."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from maskgen.errors import ImageFault
from maskgen.io.images.containers import (
    MAX_BLOCKS,
    MAX_JUNK_BYTES,
    MAX_SEGMENTS,
    PNG_MAGIC,
    exif_orientation,
    jpeg_end,
    jpeg_layout,
    png_checksum_holds,
    png_chunks,
    strip_jpeg,
    strip_png,
    strip_webp,
    webp_chunks,
)


def written(format_: str, **options: object) -> bytes:
    rng = np.random.default_rng(7)
    picture = Image.fromarray(rng.integers(0, 256, (40, 56, 3), dtype=np.uint8))
    out = io.BytesIO()
    picture.save(out, format_, **options)
    return out.getvalue()


def tiff(entries: list[tuple[int, int, int, int]], order: str = "<", count: int | None = None) -> bytes:
    """A TIFF directory of (tag, type, number, value) whose values are written as SHORT, or LONG for type
    4.
    """
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, count or len(entries))
    body = b""
    for tag, kind, number, value in entries:
        body += struct.pack(order + "HHI", tag, kind, number)
        body += struct.pack(order + "I", value) if kind == 4 else struct.pack(order + "HH", value, 0)
    return head + body + b"\0\0\0\0"


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("value", range(1, 9))
@pytest.mark.parametrize("prefix", [b"", b"Exif\0\0"])
def test_orientation_is_read_in_both_byte_orders(order: str, value: int, prefix: bytes) -> None:
    block = prefix + tiff([(0x010F, 3, 1, 77), (0x0112, 3, 1, value)], order)
    assert exif_orientation(block) == (value, True)


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        (tiff([(0x010F, 3, 1, 6)]), (1, True)),
        (tiff([(0x0112, 3, 1, 0)]), (1, True)),
        (tiff([(0x0112, 3, 1, 9)]), (1, False)),
        (tiff([(0x0112, 4, 1, 6)]), (6, False)),
        (tiff([(0x0112, 3, 2, 6)]), (6, False)),
        (tiff([(0x0112, 3, 1, 6), (0x0112, 3, 1, 3)]), (6, False)),
        (tiff([(0x0112, 3, 1, 8)], count=40), (8, False)),
        (tiff([(0x0112, 3, 1, 8)])[:-6], (1, False)),
        (b"", (1, False)),
        (b"II*\0\xff\xff\xff\xff\0\0", (1, False)),
        (b"garbage, no TIFF at all", (1, False)),
    ],
    ids=[
        "absent",
        "zero",
        "nine",
        "long",
        "two-values",
        "twice",
        "short-table",
        "cut",
        "empty",
        "far",
        "text",
    ],
)
def test_odd_exif_is_guessed_and_marked(block: bytes, expected: tuple[int, bool]) -> None:
    assert exif_orientation(block) == expected


@pytest.mark.parametrize("progressive", [False, True])
def test_the_end_of_a_jpeg_is_its_own(progressive: bool) -> None:
    data = written("JPEG", progressive=progressive, quality=95)
    layout = jpeg_layout(data)
    assert layout.clean
    assert layout.segments[-1].kind == b"\xda"
    assert jpeg_end(data, layout.scan, progressive) == (len(data), True)
    assert jpeg_end(data + b"trailer \xff\xd9", layout.scan, progressive) == (len(data), True)


def test_an_end_marker_inside_a_comment_between_scans_is_not_the_end() -> None:
    data = written("JPEG", progressive=True)
    second_scan = data.index(b"\xff\xda", jpeg_layout(data).scan)
    comment = b"\xff\xfe\0\x08ab\xff\xd9cd"
    longer = data[:second_scan] + comment + data[second_scan:]
    scan = jpeg_layout(longer).scan
    assert jpeg_end(longer, scan, True) == (len(longer), True)
    assert jpeg_end(longer[:-2], scan, True)[0] == 0


@pytest.mark.parametrize("marker", [0x02, 0xBF, 0xC0, 0xD8, 0xF0])
def test_a_marker_that_cannot_follow_a_scan_is_told(marker: int) -> None:
    data = written("JPEG")
    scan = jpeg_layout(data).scan
    stray = data[: scan + 40] + bytes([0xFF, marker]) + data[scan + 40 :]
    assert jpeg_end(stray, scan, False) == (len(stray), False)


def test_a_second_scan_is_told_unless_the_jpeg_is_progressive() -> None:
    data = written("JPEG")
    scan = jpeg_layout(data).scan
    twice = data[:-2] + data[data.rindex(b"\xff\xda", 0, scan) : -2] + b"\xff\xd9"
    assert jpeg_end(twice, scan, True) == (len(twice), True)
    assert jpeg_end(twice, scan, False) == (len(twice), False)


@pytest.mark.parametrize("junk", [b"\0\1\2", b"\xff", b"\xff\0", b"\xff\xd0"])
def test_junk_between_segments_is_stepped_over_and_told(junk: bytes) -> None:
    data = written("JPEG")
    layout = jpeg_layout(data[:2] + junk + data[2:])
    assert not layout.clean
    assert [s.kind for s in layout.segments] == [s.kind for s in jpeg_layout(data).segments]


def test_junk_is_searched_only_so_far() -> None:
    data = written("JPEG")
    assert jpeg_layout(data[:2] + bytes(MAX_JUNK_BYTES - 2) + data[2:]).scan
    assert not jpeg_layout(data[:2] + bytes(MAX_JUNK_BYTES) + data[2:]).segments


def test_stripping_a_jpeg_keeps_its_pixels_and_drops_its_metadata() -> None:
    data = written("JPEG", comment=b"COMMENT", icc_profile=b"ICC" * 99, exif=b"Exif\0\0" + tiff([]))
    layout = jpeg_layout(data)
    bare = strip_jpeg(data, layout, jpeg_end(data, layout.scan, False)[0])
    image = Image.open(io.BytesIO(bare))
    assert not {"comment", "exif", "icc_profile"} & set(image.info)
    assert np.array_equal(np.asarray(image), np.asarray(Image.open(io.BytesIO(data))))


def test_png_chunks_tile_the_file() -> None:
    data = written("PNG", icc_profile=b"ICC" * 99)
    chunks = list(png_chunks(data))
    assert [c.kind for c in chunks] == [b"IHDR", b"iCCP", b"IDAT", b"IEND"]
    assert chunks[-1].stop + 4 == len(data)
    assert all(png_checksum_holds(data, c) for c in chunks)
    broken = data[:-20] + bytes([data[-20] ^ 1]) + data[-19:]
    assert not all(png_checksum_holds(broken, c) for c in png_chunks(broken))


def test_stripping_a_png_keeps_its_pixels() -> None:
    data = written("PNG", icc_profile=b"ICC" * 99)
    bare, image_data = strip_png(data)
    assert [c.kind for c in image_data] == [b"IDAT"]
    assert [c.kind for c in png_chunks(bare)] == [b"IHDR", b"IDAT", b"IEND"]
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(bare))), np.asarray(Image.open(io.BytesIO(data))))


def test_stripping_a_webp_keeps_the_first_frame_only() -> None:
    frames = [Image.new("RGB", (30, 20), c) for c in ("red", "green", "blue")]
    out = io.BytesIO()
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=50, exif=tiff([]))
    data = out.getvalue()
    assert [c.kind for c in webp_chunks(data)].count(b"ANMF") == 3
    bare = strip_webp(data)
    assert [c.kind for c in webp_chunks(bare)] == [b"VP8X", b"ANIM", b"ANMF"]
    first = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(bare)).convert("RGB")), first)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("walk", "data"),
    [
        (lambda d: list(png_chunks(d)), PNG_MAGIC + (b"\0\0\0\0tEXt" + b"\0" * 4) * (MAX_BLOCKS + 1)),
        (lambda d: list(webp_chunks(d)), b"RIFF\xff\xff\xff\x7fWEBP" + b"XXXX\0\0\0\0" * (MAX_BLOCKS + 1)),
        (jpeg_layout, b"\xff\xd8" + b"\xff\xfe\0\2" * (MAX_SEGMENTS + 1)),
        (jpeg_layout, b"\xff\xd8" + b"\xff\xd0" * (MAX_SEGMENTS + 1)),
    ],
    ids=["png", "webp", "jpeg-comments", "jpeg-restarts"],
)
def test_a_walk_is_bounded(walk: object, data: bytes) -> None:
    assert callable(walk)
    with pytest.raises(ImageFault) as caught:
        walk(data)
    assert caught.value.reason == "bad-header"
