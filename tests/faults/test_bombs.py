"""Fault 11: small files that would cost gigabytes elsewhere are refused or decoded for what they show.

Each bomb is decoded in a child process of its own (this file run as a script), which resets the
kernel's record of its peak memory just before and reads it just after.
"""

from __future__ import annotations

import functools
import io
import json
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from maskgen.errors import ImageFault
from maskgen.io.images.decode import Limits, decode

pytestmark = [
    pytest.mark.faults,
    pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="peak memory cannot be reset here"),
]

# The defaults of `maskgen run`.
LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=32_768)
GROWTH_MIB = 50


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", zlib.crc32(kind + payload))


def ihdr(width: int, height: int, bits: int = 8, colour: int = 2) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + chunk(
        b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    )


@functools.cache
def zeros(size: int) -> bytes:
    """`size` zero bytes, deflated about 1000 to 1."""
    deflater = zlib.compressobj(9)
    sizes = (min(1 << 20, size - start) for start in range(0, size, 1 << 20))
    return b"".join(deflater.compress(bytes(part)) for part in sizes) + deflater.flush()


END = chunk(b"IEND", b"")
SMALL = chunk(b"IDAT", zlib.compress(b"\0\x80\x80\x80"))


def png_pixels(side: int) -> bytes:
    """A complete 1-bit PNG of side x side px: 400 Mpx in 49 KB, 1 Gpx in 125 KB."""
    return ihdr(side, side, 1, 0) + chunk(b"IDAT", zeros(side * (side // 8 + 1))) + END


def png_profile() -> bytes:
    return ihdr(1, 1) + chunk(b"iCCP", b"name\0\0" + zeros(256 << 20)) + SMALL + END


def png_texts() -> bytes:
    text = zeros(60 << 20)
    return ihdr(1, 1) + chunk(b"zTXt", b"key\0\0" + text) * 60 + SMALL + END


def png_texts_behind() -> bytes:
    return ihdr(1, 1) + SMALL + chunk(b"iTXt", b"key\0\1\0\0\0" + zeros(60 << 20)) * 60 + END


def png_nested_text() -> bytes:
    return ihdr(1, 1) + chunk(b"zTXt", b"key\0\0" + zlib.compress(zeros(256 << 20), 9)) + SMALL + END


def png_overlong_data() -> bytes:
    return ihdr(1, 1) + chunk(b"IDAT", zeros(256 << 20)) + END


def png_overlong_palette() -> bytes:
    return ihdr(1, 1, 8, 3) + chunk(b"PLTE", bytes(30 << 20)) + chunk(b"IDAT", zlib.compress(b"\0\0")) + END


def png_frames() -> bytes:
    head = ihdr(1, 1) + chunk(b"acTL", struct.pack(">II", 100_000, 0))
    control = struct.pack(">IIIIHHBB", 1, 1, 0, 0, 1, 10, 0, 0)
    frames = [
        chunk(b"fcTL", struct.pack(">I", 2 * n) + control)
        + chunk(b"fdAT", struct.pack(">I", 2 * n + 1) + b"x")
        for n in range(100_000)
    ]
    return head + SMALL + b"".join(frames) + END


def png_chunks() -> bytes:
    return ihdr(1, 1) + chunk(b"tEXt", b"") * 5_000_000 + SMALL + END


def webp(width: int, height: int, *chunks: bytes) -> bytes:
    canvas = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<IB3x", 10, 2) + canvas + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_frames(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (1, 1)).save(out, "WEBP", lossless=True)
    frame = bytes(12) + b"\x0a\0\0\0" + out.getvalue()[12:]
    animation = b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    return webp(width, height, animation, (b"ANMF" + struct.pack("<I", len(frame)) + frame) * 100_000)


def webp_lossless() -> bytes:
    packed = (16_383 | 16_383 << 14).to_bytes(4, "little")
    body = b"WEBPVP8L" + struct.pack("<I", 30) + b"\x2f" + packed + bytes(25)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def webp_small_canvas_large_image() -> bytes:
    inner = webp_lossless()[12:]
    return webp(8, 8, inner)


def jpeg(width: int, height: int, *segments: bytes) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (16, 16), "red").save(out, "JPEG", progressive=True)
    data = bytearray(out.getvalue())
    frame = data.index(b"\xff\xc2")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data[:2]) + b"".join(segments) + bytes(data[2:])


def app(number: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, 0xE0 + number, len(payload) + 2) + payload


def jpeg_profiles() -> bytes:
    profile = app(2, b"ICC_PROFILE\0\1\xff" + bytes(65_000))
    return jpeg(16, 16, *[profile] * 900)


def jpeg_looping_exif() -> bytes:
    entry = struct.pack("<HHII", 0x8769, 4, 1, 8)
    tiff = b"II*\0" + struct.pack("<IH", 8, 4000) + entry * 4000 + struct.pack("<I", 8)
    return jpeg(16, 16, app(1, b"Exif\0\0" + tiff))


def gif_frames() -> bytes:
    return (
        b"GIF89a"
        + struct.pack("<HH", 65_535, 65_535)
        + b"\0\0\0"
        + b",\0\0\0\0\1\0\1\0\0\2\2D\1\0" * 100_000
        + b";"
    )


BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "png-400-mpx": (lambda: png_pixels(20_000), "too-many-pixels"),
    "png-1-gpx": (lambda: png_pixels(32_000), "too-many-pixels"),
    "png-4-gpx": (lambda: png_pixels(65_536), "side-too-long"),
    "png-profile": (png_profile, "1x1"),
    "png-texts": (png_texts, "1x1"),
    "png-texts-behind": (png_texts_behind, "1x1"),
    "png-nested-text": (png_nested_text, "1x1"),
    "png-overlong-data": (png_overlong_data, "1x1"),
    "png-overlong-palette": (png_overlong_palette, "undecodable"),
    "png-100k-frames": (png_frames, "1x1"),
    "png-5M-chunks": (png_chunks, "bad-header"),
    "webp-canvas": (lambda: webp(1 << 24, 1 << 24), "side-too-long"),
    "webp-100k-frames": (lambda: webp_frames(4, 4), "bad-header"),
    "webp-100k-large-frames": (lambda: webp_frames(16_000, 16_000), "bad-header"),
    "webp-lossless": (webp_lossless, "too-many-pixels"),
    "webp-small-canvas": (webp_small_canvas_large_image, "undecodable"),
    "jpeg-4-gpx": (lambda: jpeg(65_500, 65_500), "side-too-long"),
    "jpeg-400-mpx": (lambda: jpeg(20_000, 20_000), "too-many-pixels"),
    "jpeg-58-MB-of-profile": (jpeg_profiles, "16x16"),
    "jpeg-looping-exif": (jpeg_looping_exif, "16x16"),
    "jpeg-junk": (lambda: b"\xff\xd8" + b"\xff\0" * (30 << 20), "bad-header"),
    "jpeg-fill": (lambda: b"\xff\xd8" + b"\xff" * (60 << 20), "bad-header"),
    "jpeg-segments": (lambda: b"\xff\xd8" + b"\xff\xfe\0\2" * (15 << 20), "bad-header"),
    "gif-100k-frames": (gif_frames, "format-not-allowed"),
    "too-long": (lambda: jpeg(16, 16) + bytes(64 << 20), "too-many-bytes"),
}


def status(field: str) -> float:
    """A memory field of this process, MiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def warmed_up() -> None:
    """Decode one picture of each format, so that libraries and their pools are loaded."""
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8))
    for format_, mode in (("JPEG", "RGB"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "LA"), ("WEBP", "RGB")):
        out = io.BytesIO()
        picture.convert(mode).save(out, format_)
        decode(out.getvalue(), LIMITS)


def child(path: Path) -> dict[str, Any]:
    """What one file comes to, and the memory and processor time it takes."""
    data = path.read_bytes()
    warmed_up()
    Path("/proc/self/clear_refs").write_text("5")
    before, started = status("VmRSS"), time.process_time()
    try:
        photo = decode(data, LIMITS)
        result = f"{photo.image.shape[1]}x{photo.image.shape[0]}"
    except ImageFault as fault:
        result = fault.reason
    milliseconds = 1000 * (time.process_time() - started)
    return {"result": result, "growth_mib": status("VmHWM") - before, "ms": milliseconds}


def in_child(data: bytes, folder: Path) -> dict[str, Any]:
    path = folder / "bomb"
    path.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-W", "error", __file__, str(path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_costs_next_to_nothing(name: str, tmp_path: Path) -> None:
    build, expected = BOMBS[name]
    data = build()
    measured = in_child(data, tmp_path)
    print(f"{name}: {len(data)} bytes, {measured}")
    assert measured["result"] == expected
    assert measured["growth_mib"] < GROWTH_MIB


@pytest.mark.slow
def test_the_measure_sees_memory(tmp_path: Path) -> None:
    """The judge itself: an honest picture of 30 Mpx within the limits takes its 86 MiB and more."""
    measured = in_child(png_pixels(5_504), tmp_path)
    assert measured["result"] == "5504x5504"
    assert measured["growth_mib"] > 86


if __name__ == "__main__":
    print(json.dumps(child(Path(sys.argv[1]))))
