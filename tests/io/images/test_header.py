"""Headers against Pillow's reading of the same files, and against files broken on purpose."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from maskgen.errors import ImageFault
from maskgen.io.images.header import jpeg_size, read_header

FORMATS = {"JPEG": "jpeg", "PNG": "png", "WEBP": "webp", "MPO": "jpeg"}


def written(format_: str, mode: str = "RGB", size: tuple[int, int] = (57, 31), **options: object) -> bytes:
    rng = np.random.default_rng(3)
    picture = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).convert(mode)
    if mode == "RGBA":
        picture.putalpha(128)
    out = io.BytesIO()
    picture.save(out, format_, **options)
    return out.getvalue()


def exif(orientation: int) -> bytes:
    return b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def with_segment(jpeg: bytes, marker: int, payload: bytes) -> bytes:
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload + jpeg[2:]


def ihdr(width: int, height: int, bits: int = 8, color: int = 2, tail: bytes = b"\0\0\0") -> bytes:
    body = b"IHDR" + struct.pack(">IIBB", width, height, bits, color) + tail
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + body + struct.pack(">I", zlib.crc32(body))


@pytest.mark.parametrize(
    ("format_", "mode", "options", "components", "bits"),
    [
        ("JPEG", "RGB", {}, 3, 8),
        ("JPEG", "RGB", {"progressive": True}, 3, 8),
        ("JPEG", "L", {}, 1, 8),
        ("JPEG", "CMYK", {}, 4, 8),
        ("PNG", "RGB", {}, 3, 8),
        ("PNG", "RGBA", {}, 4, 8),
        ("PNG", "LA", {}, 2, 8),
        ("PNG", "P", {}, 1, 8),
        ("PNG", "1", {}, 1, 1),
        ("PNG", "I;16", {}, 1, 16),
        ("WEBP", "RGB", {}, 3, 8),
        ("WEBP", "RGBA", {"lossless": True}, 4, 8),
        ("WEBP", "RGB", {"lossless": True}, 3, 8),
        ("WEBP", "RGB", {"exif": exif(1)}, 3, 8),
    ],
)
def test_header_of_what_pillow_wrote(
    format_: str, mode: str, options: dict[str, object], components: int, bits: int
) -> None:
    header = read_header(written(format_, mode, **options))
    assert (header.format, header.width, header.height) == (FORMATS[format_], 57, 31)
    assert (header.components, header.bits, header.orientation) == (components, bits, 1)
    assert header.plain == (format_ == "JPEG" and mode != "CMYK")


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_of_every_format(format_: str, orientation: int) -> None:
    header = read_header(written(format_, exif=exif(orientation)))
    assert header.orientation == orientation
    assert header.plain == (format_ == "JPEG" and orientation == 1)
    assert (header.width, header.height) == (57, 31)


def test_exif_behind_the_png_image_data_is_found() -> None:
    data = written("PNG")
    chunk = b"eXIf" + exif(6)[6:]
    chunk = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    assert read_header(data[:-12] + chunk + data[-12:]).orientation == 6


XMP = b'http://ns.adobe.com/xap/1.0/\0<x:xmpmeta><rdf:Description tiff:Orientation="%d"/></x:xmpmeta>'


@pytest.mark.parametrize(
    ("segments", "plain"),
    [
        ([], True),
        ([(0xE1, exif(0))], True),
        ([(0xE1, exif(1))], True),
        ([(0xE1, XMP % 1)], True),
        ([(0xE1, XMP % 6)], False),
        ([(0xE1, XMP % 1), (0xE1, exif(1))], True),
        ([(0xE1, exif(1)), (0xE1, exif(1))], False),
        ([(0xE1, b"Exif\0\0")], False),
        ([(0xE1, b"Exif\0\xff" + exif(1)[6:])], False),
        ([(0xE1, exif(1)[:-9])], False),
        ([(0xEE, b"Adobe\0d\0\0\0\0\1")], True),
        ([(0xEE, b"Adobe\0d\0\0\0\0\0")], False),
        ([(0xEE, b"Adobe\0d\0\0\0\0\2")], False),
        ([(0xEE, b"Adobe\0d\0\0")], False),
        ([(0xFE, b"a comment")], True),
    ],
    ids=[
        *("bare", "exif-0", "exif-1", "xmp-1", "xmp-6", "xmp-and-exif", "two-exif", "no-tiff", "exif-typo"),
        *("cut-exif", "adobe-ycc", "adobe-rgb", "adobe-ycck", "cut-adobe", "comment"),
    ],
)
def test_plain_means_that_no_reader_can_disagree(segments: list[tuple[int, bytes]], plain: bool) -> None:
    data = written("JPEG")
    for marker, payload in segments:
        data = with_segment(data, marker, payload)
    assert read_header(data).plain is plain


def test_components_named_rgb_are_not_plain() -> None:
    data = bytearray(written("JPEG"))
    frame = data.index(b"\xff\xc0")
    assert read_header(bytes(data)).plain
    data[frame + 10 : frame + 19 : 3] = b"RGB"
    assert not read_header(bytes(data)).plain


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"GIF89a" + bytes(20), "GIF"),
        (b"BM" + bytes(60), "BMP"),
        (b"II*\0" + bytes(20), "TIFF"),
        (b"MM\0*" + bytes(20), "TIFF"),
        (b"\0\0\0\x1cftypavif" + bytes(20), "AVIF"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC"),
        (b"\0\0\1\0\1\0", "ICO"),
        (b"  <!DOCTYPE html><html></html>", "HTML"),
        (b"<?xml version='1.0'?><svg/>", "SVG"),
        (b"%PDF-1.7", "PDF"),
        (b"PK\3\4" + bytes(20), "ZIP"),
        (b"RIFF\0\0\0\0WAVEfmt ", "52 49 46 46"),
        (b"hello", "68 65 6c 6c 6f"),
        (b"\x89PN", "89 50 4e"),
    ],
)
def test_other_formats_are_named(data: bytes, words: str) -> None:
    with pytest.raises(ImageFault) as caught:
        read_header(data)
    assert caught.value.reason == "format-not-allowed"
    assert words in caught.value.detail


VP8X = b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\x10\1\1\x11\0",  # no rows: a DNL file
        b"\xff\xd8\xff\xc0\0\x0b\x08\0\x10\0\0\1\1\x11\0",
        b"\xff\xd8\xff\xc0\0\x08\x08\0\x10\0\x10\3",
        b"\xff\xd8\xff\xc0\0\x05\x08\0\x10",
        b"\xff\xd8" + b"\xff\xc0\0\x0b\x08\0\x10\0\x10\1\1\x11\0" * 2,
        ihdr(0, 5),
        ihdr(5, 0),
        ihdr(5, 5)[:20],
        ihdr(5, 5, bits=3),
        ihdr(5, 5, color=5),
        ihdr(5, 5, bits=4, color=2),
        ihdr(5, 5, tail=b"\1\0\0"),
        ihdr(5, 5, tail=b"\0\0\2"),
        ihdr(5, 5)[:-1] + b"\0",
        b"RIFF\0\0\0\0WEBP",
        b"RIFF\x20\0\0\0WEBPVP8 " + bytes(30),
        b"RIFF\x20\0\0\0WEBPVP8L" + bytes(30),
        VP8X + bytes(5),
        b"RIFF\x20\0\0\0WEBPABCD" + bytes(30),
        b"XXXX\x20\0\0\0WEBPVP8X" + bytes(30),
    ],
)
def test_bad_headers_are_refused(data: bytes) -> None:
    with pytest.raises(ImageFault) as caught:
        read_header(data)
    assert caught.value.reason == "bad-header"


def test_webp_canvas_is_read_in_full() -> None:
    header = read_header(VP8X + b"\x10\0\0\0" + b"\xff\xff\xff" + b"\x0f\0\0")
    assert (header.width, header.height, header.components) == (1 << 24, 16, 4)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_every_cut_of_a_header_is_an_image_fault(format_: str) -> None:
    data = written(format_, exif=exif(6))
    refused = 0
    for stop in range(len(data)):
        try:
            assert read_header(data[:stop]).width == 57
        except ImageFault:
            refused += 1
    assert refused >= 25


@pytest.mark.slow
def test_sizes_agree_with_pillow_on_the_development_data(shared_data: Path) -> None:
    read = 0
    for path in sorted(shared_data.rglob("*")):
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png", ".webp"):
            continue
        if "tiny_imagenet_50" in path.parts and not path.stem.endswith("7"):
            continue
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                with Image.open(path) as image:
                    expected = (FORMATS[image.format or ""], *image.size, image.getexif().get(0x0112, 1) or 1)
        except OSError:
            continue
        header = read_header(path.read_bytes())
        assert (header.format, header.width, header.height, header.orientation) == expected, path.name
        read += 1
    assert read > 1000


def size_or_fault(read: Callable[[bytes], tuple[int, int]], data: bytes) -> tuple[int, int] | str:
    try:
        return read(data)
    except ImageFault:
        return "fault"


def size_by_the_whole_header(data: bytes) -> tuple[int, int]:
    """By another walk, through all that `read_header` looks at."""
    if data[:2] != b"\xff\xd8":
        raise ImageFault("bad-header", "no JPEG")
    header = read_header(data)
    if not header.scan:
        raise ImageFault("bad-header", "no image data")
    return header.height, header.width


def test_the_size_alone_is_that_of_the_whole_header_whatever_is_damaged() -> None:
    whole = with_segment(written("JPEG"), 0xE1, b"Exif and more")
    assert jpeg_size(whole) == jpeg_size(memoryview(whole)) == (31, 57)
    assert jpeg_size(with_segment(whole, 0xFE, b"\xff\xd9" * 40)) == (31, 57)
    rng = np.random.default_rng(0)
    end = whole.index(b"\xff\xda") + 14
    seen = set()
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 4)):
            odd = [0, 1, 8, 0xC0, 0xC4, 0xD8, 0xD9, 0xDA, 0xFF, rng.integers(256)]
            data[rng.integers(0, end)] = rng.choice(odd)
        changed = bytes(data[: rng.integers(0, end)] if rng.random() < 0.1 else data)
        found = size_or_fault(jpeg_size, changed)
        if found != size_or_fault(size_by_the_whole_header, changed):
            assert found != "fault"
            assert 0 in found  # a side of zero, which `read_header` refuses by itself
        seen.add(found)
    assert "fault" in seen
    assert len(seen) > 20
