"""How many damaged photos are found, how many clean ones are taken for damaged, and what it costs.

python benchmarks/damaged_photos.py PHOTOS [--clean FOLDER ...]

PHOTOS is a folder of JPEGs. Each is damaged in four ways, as it is and written anew as PNG and WebP. Printed
are the found ones of each format, and the time of decoding beside that of decoders that drop the warnings.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from PIL import Image

from maskgen.errors import ImageFault
from maskgen.io.images.decode import Limits, decode
from maskgen.io.images.header import read_header

LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=32_768)
SECTOR = 4096
ENDINGS = {
    "jpeg": b"\xff\xd9",
    "png": b"\0\0\0\0IEND\xae\x42\x60\x82",
    "webp": b"",
    "webp lossless": b"",
}
FAULTS = ("zeroed sector", "cut, end appended", "hole of 40 %", "another's tail")


def spoil(data: bytes, other: bytes, start: int, ending: bytes, rng: random.Random) -> Iterator[bytes]:
    """The four faults, all behind byte `start`, where the picture's data begin."""
    size = len(data)
    places = list(range(-(-start // SECTOR) * SECTOR, size - SECTOR, SECTOR)) or [start]
    place = rng.choice(places)
    yield data[:place] + bytes(min(SECTOR, size - place)) + data[place + SECTOR :]
    yield data[: start + int((size - start) * 0.4)] + ending
    yield data[: start + int((size - start) * 0.3)] + data[start + int((size - start) * 0.7) :]
    yield data[: start + (size - start) // 2] + other[len(other) // 2 :]


def encode(data: bytes, kind: str) -> bytes:
    """The same picture in another format."""
    if kind == "jpeg":
        return data
    out = io.BytesIO()
    Image.open(io.BytesIO(data)).convert("RGB").save(
        out, kind.split(maxsplit=1)[0], lossless="lossless" in kind
    )
    return out.getvalue()


def mend_size(data: bytes, kind: str) -> bytes:
    """WebP names its size twice; a file that was truncated and written again in place has the right ones."""
    if not kind.startswith("webp") or len(data) < 20:
        return data
    sizes = [(len(data) - head).to_bytes(4, "little") for head in (8, 20)]
    return data[:4] + sizes[0] + data[8:16] + sizes[1] + data[20:]


def is_found(data: bytes) -> bool:
    """Whether a file is refused."""
    try:
        decode(data, LIMITS)
    except ImageFault:
        return True
    return False


def measure_faults(files: list[Path], kind: str) -> Counter[str]:
    """How many of the damaged files are found, by fault."""
    rng, found = random.Random(0), Counter[str]()
    datas = [encode(path.read_bytes(), kind) for path in files]
    for number, data in enumerate(datas):
        start = read_header(data).scan or 60
        other = datas[(number + 7) % len(datas)]
        for fault, spoilt in zip(FAULTS, spoil(data, other, start, ENDINGS[kind], rng), strict=True):
            found[fault] += is_found(mend_size(spoilt, kind))
    return found


def measure_alarms(folders: list[Path]) -> tuple[int, list[str]]:
    """How many clean JPEGs there are, and which are refused."""
    count, refused = 0, []
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() not in {".jpg", ".jpeg"}:
                continue
            count += 1
            try:
                decode(path.read_bytes(), LIMITS)
            except ImageFault as fault:
                refused.append(f"{path}: {fault}")
    return count, refused


def decode_lightly(data: bytes) -> object:
    """The pixels by a decoder that drops warnings, behind the same checks of the header."""
    if read_header(data).format != "jpeg":
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)


def decode_checked(data: bytes) -> object:
    """The pixels as stage one decodes them."""
    return decode(data, LIMITS)


def time_of(work: Callable[[bytes], object], datas: list[bytes]) -> float:
    """Milliseconds for each file."""
    begin = time.perf_counter()
    for data in datas:
        work(data)
    return (time.perf_counter() - begin) * 1000 / len(datas)


def main() -> None:
    """Print the three tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("--clean", type=Path, nargs="*", default=[])
    parser.add_argument("--images", type=int, default=150)
    parser.add_argument("--rounds", type=int, default=9)
    given = parser.parse_args()
    paths = [path for path in sorted(given.photos.rglob("*")) if path.suffix.lower() in {".jpg", ".jpeg"}]
    files = paths[: given.images]
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())  # OpenCV repeats libjpeg's warnings there
    cv2.setNumThreads(1)

    print(f"{len(files)} photos, found of each fault")
    for kind in ENDINGS:
        found = measure_faults(files, kind)
        each = "  ".join(f"{fault} {found[fault]:4}" for fault in FAULTS)
        print(f"  {kind:14}{each}  all {sum(found.values())}")
    count, refused = measure_alarms(given.clean)
    print(f"{len(refused)} of {count} clean JPEGs are refused", *refused, sep="\n  ")
    for kind in ENDINGS:
        datas = [encode(path.read_bytes(), kind) for path in files]
        pairs = [
            (time_of(decode_checked, datas), time_of(decode_lightly, datas)) for _ in range(given.rounds)
        ]
        ratio = median(mine / other for mine, other in pairs)
        print(f"  {kind:14}{min(mine for mine, _ in pairs):6.2f} ms, {ratio:.3f} times without the check")


if __name__ == "__main__":
    main()
