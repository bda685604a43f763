"""Fault 9: thousands of malformed files, each of which must end as a photo of its header's size or a refusal.

The corpus is decoded by a child process (this file run as a script) with every warning an error, so
that a crash, a hang or an escaped exception is seen and charged to one file; the child is then
started again behind it. Small form: about 300 files made from pictures that the test writes itself.
Full form: 10,000, in which the development data's odd files take part where they exist.
"""

from __future__ import annotations

import collections
import faulthandler
import io
import json
import random
import re
import struct
import subprocess
import sys
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

from maskgen.errors import ImageFault
from maskgen.io.images.decode import Limits, decode
from maskgen.io.images.header import read_header

pytestmark = pytest.mark.faults

SEED = 20_261
SECONDS_PER_FILE = 20
LIMITS = Limits(max_bytes=8 << 20, max_pixels=4_000_000, max_side=65_535)
REASONS = {
    *("format-not-allowed", "bad-header", "too-many-bytes", "too-many-pixels"),
    *("side-too-long", "damaged", "truncated", "undecodable"),
}
Case = tuple[str, bytes]


def tiff(orientation: int) -> bytes:
    return b"II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)


def base_files() -> list[Case]:
    """Valid files of every kind, small, one name each."""
    rng = np.random.default_rng(SEED)
    y, x = np.mgrid[0:40, 0:60]
    smooth = np.stack([3 * x, 5 * y, 2 * x + y], axis=2) + rng.integers(0, 20, (40, 60, 3))
    rgb = Image.fromarray(smooth.astype(np.uint8))
    rgba = rgb.copy()
    rgba.putalpha(rgb.convert("L"))
    wide = Image.fromarray((smooth[..., 0] * 300).astype(np.uint16))
    thumbnail = b"Exif\0\0" + tiff(1) + b"\xff\xd8 a thumbnail \xff\xd9"
    frames: dict[str, Any] = {
        "save_all": True,
        "append_images": [rgb.rotate(90), rgb.rotate(180)],
        "duration": 30,
    }
    made: list[tuple[str, Image.Image, str, dict[str, Any]]] = [
        ("jpeg", rgb, "JPEG", {}),
        ("jpeg-progressive", rgb, "JPEG", {"progressive": True}),
        ("jpeg-restart", rgb, "JPEG", {"restart_marker_blocks": 2}),
        ("jpeg-grey", rgb.convert("L"), "JPEG", {}),
        ("jpeg-cmyk", rgb.convert("CMYK"), "JPEG", {}),
        ("jpeg-exif", rgb, "JPEG", {"exif": b"Exif\0\0" + tiff(6), "icc_profile": b"icc" * 200}),
        ("jpeg-thumbnail", rgb, "JPEG", {"exif": thumbnail, "comment": b"words"}),
        ("png", rgb, "PNG", {"exif": tiff(8), "icc_profile": b"icc" * 200}),
        ("png-palette", rgb.convert("P"), "PNG", {"transparency": bytes(range(200))}),
        ("png-grey", rgb.convert("L"), "PNG", {"transparency": 40}),
        ("png-1bit", rgb.convert("1"), "PNG", {}),
        ("png-16bit", wide, "PNG", {}),
        ("png-alpha", rgba, "PNG", {}),
        ("png-animated", rgb, "PNG", frames),
        ("webp", rgb, "WEBP", {"exif": tiff(3)}),
        ("webp-lossless", rgba, "WEBP", {"lossless": True}),
        ("webp-alpha", rgba, "WEBP", {}),
        ("webp-animated", rgb, "WEBP", frames),
    ]
    files = []
    for name, picture, format_, options in made:
        out = io.BytesIO()
        picture.save(out, format_, **options)
        files.append((name, out.getvalue()))
    return files


def boundaries(data: bytes) -> list[int]:
    """Offsets at which a JPEG marker or a PNG or WebP chunk begins, and of the lengths behind them."""
    if data[:2] == b"\xff\xd8":
        return [m.start() + plus for m in re.finditer(rb"\xff[^\0\xff]", data) for plus in (0, 1, 2, 4)]
    found, pos = [], 8 if data[:4] == b"\x89PNG" else 12
    order, extra = (">I4s", 12) if pos == 8 else ("<4sI", 8)
    while pos + 8 <= len(data):
        first, second = struct.unpack_from(order, data, pos)
        length = first if pos == 8 or isinstance(first, int) else second
        found += [pos, pos + 4, pos + 8]
        pos += extra + length + (length % 2 if extra == 8 else 0)
    return found


def with_true_checksums(data: bytes) -> bytes:
    """A PNG whose chunks carry the right CRC again, so that damage reaches the decoder behind them."""
    out, pos = bytearray(data), 8
    while pos + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, pos)
        stop = pos + 8 + length
        if stop + 4 > len(data):
            break
        struct.pack_into(">I", out, stop, zlib.crc32(data[pos + 4 : stop]))
        pos = stop + 4
    return bytes(out)


def damaged(data: bytes, other: bytes, rng: random.Random) -> Case:
    """One random fault: flipped bits, a splice, a hole, a repeat, an extreme field, a shuffled chunk."""
    kind = rng.choice(("flip", "flips", "splice", "hole", "repeat", "field", "zeros"))
    at = rng.randrange(len(data)) if rng.random() < 0.5 else rng.randrange(min(len(data), 120))
    span = rng.randrange(1, 64)
    out = bytearray(data)
    if kind in ("flip", "flips"):
        for _ in range(1 if kind == "flip" else rng.randrange(2, 40)):
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif kind == "splice":
        start = rng.randrange(len(other))
        out[at : at + span] = other[start : start + rng.randrange(1, 200)]
    elif kind == "hole":
        del out[at : at + span]
    elif kind == "repeat":
        out[at:at] = out[at : at + span] * rng.randrange(1, 5)
    elif kind == "field":
        extreme = rng.choice(
            (b"\0\0", b"\xff\xff", b"\x7f\xff", b"\x80\0", b"\xff" * 4, b"\0" * 4, b"\x7f" + b"\xff" * 3)
        )
        out[at : at + len(extreme)] = extreme
    else:
        out[at : at + span] = bytes(span)
    if out[:4] == b"\x89PNG" and rng.random() < 0.7:
        return kind, with_true_checksums(bytes(out))
    return kind, bytes(out)


def ihdr(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n\0\0\0\r" + body + struct.pack(">I", zlib.crc32(body))


def sof(width: int, height: int) -> bytes:
    return b"\xff\xd8\xff\xc0\0\x0b\x08" + struct.pack(">HH", height, width) + b"\1\1\x11\0"


def vp8x(width: int, height: int) -> bytes:
    sizes = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    return b"RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + sizes


def refused_files() -> Iterator[Case]:
    """Files that are no image, or whose header alone condemns them."""
    yield "empty", b""
    yield "one-byte", b"\xff"
    yield "html", b"<!DOCTYPE html><html><body>404 Not Found</body></html>"
    yield "gif-bomb", b"GIF89a" + struct.pack("<HH", 65535, 65535) + bytes(40) + b"," * 5000
    yield "bmp", b"BM" + bytes(100)
    yield "zeros", bytes(5000)
    yield "ones", b"\xff" * 5000
    yield "soi-eoi", b"\xff\xd8\xff\xd9"
    yield "noise", random.Random(SEED).randbytes(5000)
    for width, height in ((0, 0), (0, 9), (9, 0), (1, 65535), (65535, 1), (65535, 65535), (2000, 2001)):
        yield f"png-{width}x{height}", ihdr(width, height) + b"\0\0\0\0IEND\xae\x42\x60\x82"
        yield f"jpeg-{width}x{height}", sof(width, height) + b"\xff\xda\0\x08\1\1\0\0\x3f\0\xff\xd9"
        if width and height:
            yield f"webp-{width}x{height}", vp8x(width, height)
    yield "png-huge", ihdr(2**31 - 1, 2**31 - 1)
    for format_ in ("GIF", "BMP", "TIFF"):
        out = io.BytesIO()
        Image.new("RGB", (9, 9)).save(out, format_)
        yield f"{format_.lower()}-named-jpg", out.getvalue()


def corpus(bases: list[Case], size: int, stride: int) -> Iterator[Case]:
    """`size` cases: the refused ones, cuts at every `stride`-th boundary, then random damage; good ones
    between.
    """
    rng = random.Random(SEED)
    made = [(f"refused/{name}", data) for name, data in refused_files()]
    for name, data in bases:
        cuts = sorted({at for at in boundaries(data) if 0 < at < len(data) - 4})
        made += [(f"cut/{name}@{at}", data[:at]) for at in cuts[::stride]]
    while len(made) < size:
        (name, data), (_, other) = rng.choice(bases), rng.choice(bases)
        kind, broken = damaged(data, other, rng)
        made.append((f"{kind}/{name}#{len(made)}", broken))
    for number, case in enumerate(made):
        yield case
        if number % 25 == 24:
            name, data = bases[number // 25 % len(bases)]
            yield f"good/{name}", data


def outcome(data: bytes) -> dict[str, Any]:
    """What one file comes to: a reason, or a photo with every size that must agree."""
    try:
        header = read_header(data)
        photo = decode(data, LIMITS)
    except ImageFault as fault:
        return {"reason": fault.reason, "detail": fault.detail}
    size = [header.height, header.width]
    sizes = {"header": size[::-1] if header.orientation > 4 else size, "photo": list(photo.image.shape[:2])}
    if photo.verbatim:
        turned = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        sizes["cv2"] = [] if turned is None else list(turned.shape[:2])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                sizes["pillow"] = [image.height, image.width]
    whole = photo.image.ndim == 3 and photo.image.dtype == np.uint8 and photo.image.shape[2] == 3
    return {"sizes": sizes, "whole": whole, "crc": zlib.crc32(photo.image.tobytes())}


def child(path: Path, first: int) -> None:
    """Decode the files of a corpus from number `first` on, one line of JSON each."""
    with path.open("rb") as corpus_file:
        for number in range(int.from_bytes(corpus_file.read(4), "little")):
            data = corpus_file.read(int.from_bytes(corpus_file.read(4), "little"))
            if number < first:
                continue
            faulthandler.dump_traceback_later(SECONDS_PER_FILE, exit=True)
            try:
                result = outcome(data)
            except BaseException as error:
                result = {"escaped": repr(error)}
            print(json.dumps(result), flush=True)


def run_corpus(cases: list[Case], folder: Path) -> list[dict[str, Any]]:
    """Each case's outcome; a child that dies costs the file it died on, and a new one goes on behind it."""
    path = folder / "corpus"
    records = [struct.pack("<I", len(data)) + data for _, data in cases]
    path.write_bytes(struct.pack("<I", len(cases)) + b"".join(records))
    results: list[dict[str, Any]] = []
    while len(results) < len(cases):
        command = [sys.executable, "-W", "error", __file__, str(path), str(len(results))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        results += [json.loads(line) for line in done.stdout.splitlines()]
        if done.returncode or not done.stdout:
            results.append({"crash": done.returncode, "stderr": done.stderr[-2000:]})
    return results


def judge(cases: list[Case], results: list[dict[str, Any]]) -> collections.Counter[str]:
    """Check every outcome and count them by reason."""
    assert len(results) == len(cases)
    counts: collections.Counter[str] = collections.Counter()
    for (name, data), result in zip(cases, results, strict=True):
        counts[result.get("reason") or ("photo" if "sizes" in result else "bad")] += 1
        said = f"{name}: {result}"
        if "reason" in result:
            assert result["reason"] in REASONS, said
            assert "Warning" not in result["detail"], said
        else:
            assert "sizes" in result, said
            assert result["whole"], said
            assert len({tuple(s) for s in result["sizes"].values()}) == 1, said
        if name.startswith(("refused/", "cut/")):
            assert "reason" in result, said
        if name.startswith("good/"):
            assert result["crc"] == zlib.crc32(decode(data, LIMITS).image.tobytes()), said
    return counts


@pytest.mark.slow
def test_malformed_files_are_photos_or_refused(tmp_path: Path, full_faults: bool) -> None:
    bases = base_files()
    cases = list(corpus(bases, size=10_000 if full_faults else 300, stride=1 if full_faults else 12))
    counts = judge(cases, run_corpus(cases, tmp_path))
    print(f"{len(cases)} files, seed {SEED}: {dict(counts)}")
    assert len(cases) >= (10_000 if full_faults else 300)
    assert counts["photo"] >= 12
    assert counts["truncated"] >= 12
    assert counts["undecodable"] >= 12


@pytest.mark.slow
def test_damaged_odd_files_are_photos_or_refused(
    tmp_path: Path, shared_data: Path, full_faults: bool
) -> None:
    paths = sorted((shared_data / "pillow_odd").iterdir())
    paths += sorted((shared_data / "imagenet_sample_1000").glob("*.JPEG"))[:: 50 if full_faults else 250]
    files = [(p.name, p.read_bytes()) for p in paths]
    bases = [(name, data) for name, data in files if data[:4] in (b"\xff\xd8\xff\xe0", b"\x89PNG", b"RIFF")]
    rng = random.Random(SEED)
    cases = [(f"whole/{name}", data) for name, data in files]
    for number in range(2000 if full_faults else 60):
        (name, data), (_, other) = rng.choice(bases), rng.choice(bases)
        kind, broken = damaged(data, other, rng)
        cases.append((f"{kind}/{name}#{number}", broken))
    counts = judge(cases, run_corpus(cases, tmp_path))
    print(f"{len(cases)} files, seed {SEED}: {dict(counts)}")
    assert counts["photo"] >= 60
    assert counts["format-not-allowed"] >= 20


def test_a_crash_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge itself: a child that dies is charged to one file and the rest is still decoded."""
    good = base_files()[0]
    script = tmp_path / "dies.py"
    script.write_text(
        "import os, sys\n"
        "first = int(sys.argv[2])\n"
        "for number in range(first, 3):\n"
        "    if number == 1:\n"
        "        os.abort()\n"
        '    print(\'{"reason": "truncated", "detail": ""}\', flush=True)\n'
    )
    monkeypatch.setitem(globals(), "__file__", str(script))
    cases = [("a", good[1]), ("b", good[1]), ("c", good[1])]
    results = run_corpus(cases, tmp_path)
    assert [sorted(r) for r in results] == [["detail", "reason"], ["crash", "stderr"], ["detail", "reason"]]
    with pytest.raises(AssertionError, match="crash"):
        judge(cases, results)


if __name__ == "__main__":
    child(Path(sys.argv[1]), int(sys.argv[2]))
