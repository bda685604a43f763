"""What each way to store masks and backgrounds costs in bytes, fidelity and time; Markdown tables on stdout.

    python benchmarks/storage.py PHOTOS MASKS [--threshold 0.5] [--background tiled] [--rounds 3]

PHOTOS is a folder of JPEGs. MASKS is a folder of 8-bit grey PNGs, soft, of the same names and sizes, or a
folder of shards that `maskgen run` made from PHOTOS (`--background none` suffices). Times are CPU times of
one thread, of single images one after the other, so that caches are as cold as in a run; medians. Bytes per
ImageNet are those of 1 281 167 training images, as tar members: with their headers of 512 bytes and padded to
512.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

import cv2
import numpy as np

from maskgen.backgrounds import BACKGROUNDS
from maskgen.backgrounds.rectangle import largest_free_rectangle
from maskgen.config.run_config import RunConfig, make_config
from maskgen.io.images.decode import Limits, decode
from maskgen.io.images.encode import encode_jpeg, encode_mask_png, resize_mask
from maskgen.io.images.stored import decode_mask, decode_photo
from maskgen.shards import coverage, manifest, naming, patch, reader, tar
from maskgen.shards.commit import ShardWriter
from maskgen.shards.sample import Encoded, MaskPair, SampleId, StoredPhoto, encode_sample, store_mask
from maskgen.types import RGB, Filled, SoftMask

IMAGES = 1_281_167
VIEW_PX = 224
LIMITS = Limits(max_bytes=1 << 28, max_pixels=1 << 27, max_side=1 << 16)
MASKS: dict[str, dict[str, object]] = {
    "soft, full size": {},
    "soft, 320": {"mask_side": 320},
    "soft, 256": {"mask_side": 256},
    "1-bit, full size": {"binary": True},
    "1-bit, 320": {"binary": True, "mask_side": 320},
}
STORES: dict[str, dict[str, object]] = {
    "full size, q95": {"background_quality": 95},
    "full size, q90": {},
    "full size, q80": {"background_quality": 80},
    "short side 256, q90": {"background_side": 256},
    "short side 224, q90": {"background_side": 224},
    "patch, q90": {"background_store": "patch"},
    "patch, q80": {"background_store": "patch", "background_quality": 80},
    "patch, short side 256, q90": {"background_store": "patch", "background_side": 256},
}
P = ParamSpec("P")
T = TypeVar("T")


class Case(NamedTuple):
    """A photo: its key, its bytes, its pixels and its mask."""

    key: str
    data: bytes
    image: RGB
    mask: SoftMask


class Clock:
    """CPU milliseconds of this thread, by name, one value per call."""

    def __init__(self) -> None:
        self.ms: dict[str, list[float]] = defaultdict(list)

    def time(self, name: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of a call, its time noted."""
        started = time.thread_time_ns()
        result = work(*args, **kwargs)
        self.ms[name].append((time.thread_time_ns() - started) / 1e6)
        return result

    def median(self, name: str) -> float:
        """Median of the times noted under a name."""
        return float(np.median(self.ms[name]))


def cases(photos: Path, masks: Path) -> Iterator[Case]:
    """Every photo that has a mask of its size."""
    if (masks / naming.MANIFEST).is_file():
        whole = manifest.read(masks)
        found = [s for record in whole.shards for s in reader.read_samples(masks, record, (naming.MASK,))]
        stored = {sample.key: sample.members[naming.MASK] for sample in found}
    else:
        stored = {naming.safe_key(path.stem): path.read_bytes() for path in sorted(masks.glob("*.png"))}
    for path in sorted(photos.rglob("*")):
        key = naming.safe_key(path.stem)
        if path.suffix.lower() in {".jpg", ".jpeg"} and key in stored:
            data = path.read_bytes()
            image = decode(data, LIMITS).image
            mask = decode_mask(stored[key])
            if mask.shape == image.shape[:2]:
                yield Case(key, data, image, mask.astype(np.float32) / np.float32(255))


def config_of(options: dict[str, object], threshold: float) -> RunConfig:
    """The configuration of a run with some options."""
    return make_config(
        {"dataset": "sample", "output": "unused", "method": "box", "threshold": threshold, **options}
    )


def in_tar(size: float) -> float:
    """Bytes that a member takes in a tar."""
    return tar.BLOCK + -(-size // tar.BLOCK) * tar.BLOCK


def sizes(members: list[int]) -> str:
    """Two cells: mean bytes of a member, and gigabytes per ImageNet in tars."""
    return f"{np.mean(members):,.0f} | {np.mean([in_tar(s) for s in members]) * IMAGES / 1e9:.1f}".replace(
        ",", " "
    )


def psnr(one: RGB, other: RGB) -> float:
    """Peak signal-to-noise ratio in dB; infinite for equal images."""
    error = float(np.square(one.astype(np.float32) - other).mean())
    return float(10 * np.log10(255**2 / error)) if error else float("inf")


def views(image: RGB) -> tuple[RGB, RGB]:
    """The whole image, and the fifth of its area in the middle, as (224, 224, 3) views."""
    height, width = image.shape[:2]
    y, x = (round(side * (1 - 0.2**0.5) / 2) for side in (height, width))
    parts = (image, image[y : height - y, x : width - x])
    return tuple(_view(part) for part in parts)  # type: ignore[return-value]


def _view(part: RGB) -> RGB:
    kernel = cv2.INTER_AREA if min(part.shape[:2]) > VIEW_PX else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(part, (VIEW_PX, VIEW_PX), interpolation=kernel), np.uint8)


def mask_table(photos: list[Case], threshold: float) -> None:
    """Bytes, IoU with the soft mask of full size cut at the threshold, mean absolute error, and time."""
    print("| mask | bytes | GB per ImageNet | IoU, mean | IoU, worst | mean error | ms |")
    print("|---|---|---|---|---|---|---|")
    whole = config_of({}, threshold)
    for name, options in MASKS.items():
        config, clock = config_of(options, threshold), Clock()
        bytes_, ious, errors = [], [], []
        for case in photos:
            pair = clock.time("store", store_mask, case.mask, threshold, config)
            data = clock.time("encode", encode_mask_png, pair.stored, binary=config.binary)
            truth = store_mask(case.mask, threshold, whole).hard
            either = np.count_nonzero(truth | pair.hard)
            bytes_.append(len(data))
            ious.append(np.count_nonzero(truth & pair.hard) / either if either else 1.0)
            back = resize_mask(decode_mask(data), case.mask.shape).astype(np.float32) / 255
            errors.append(float(np.abs(back - case.mask).mean()))
        spent = clock.median("store") + clock.median("encode")
        print(
            f"| {name} | {sizes(bytes_)} | {np.mean(ious):.4f} | {min(ious):.3f} | {np.mean(errors):.4f} | "
            f"{spent:.2f} |"
        )


def background_table(photos: list[Case], threshold: float, background: str) -> None:
    """Bytes, PSNR against the background before it was encoded, and time."""
    print(
        f"\n| background ({background}) | bytes | GB per ImageNet | PSNR | view of all | view of a "
        "fifth | ms |"
    )
    print("|---|---|---|---|---|---|---|")
    filled = [
        BACKGROUNDS[background](c.image, store_mask(c.mask, threshold, config_of({}, threshold)).hard)
        for c in photos
    ]
    for name, options in STORES.items():
        config, clock, bytes_, quality = config_of(options, threshold), Clock(), [], []
        for case, fill in zip(photos, filled, strict=True):
            data, back = clock.time("encode", _stored, fill, config), _read_back(case, fill, config)
            bytes_.append(len(data))
            pairs = zip((fill.image, *views(fill.image)), (back, *views(back)), strict=True)
            quality.append([psnr(*pair) for pair in pairs])
        cells = " | ".join(f"{value:.1f}" for value in np.median(quality, axis=0))
        print(f"| {name} | {sizes(bytes_)} | {cells} | {clock.median('encode'):.2f} |")


def _stored(filled: Filled, config: RunConfig) -> bytes:
    box = patch.stored_box(filled.region, filled.image.shape[:2], config.background_store)
    return encode_jpeg(
        patch.cut_background(filled.image, box, config.background_side), config.background_quality
    )


def _read_back(case: Case, filled: Filled, config: RunConfig) -> RGB:
    box = patch.stored_box(filled.region, case.image.shape[:2], config.background_store)
    return patch.paste_background(case.image, decode_photo(_stored(filled, config)), box)


def member_table(photos: list[Case], threshold: float, background: str) -> None:
    """Bytes of the photo, of each other member and of all."""
    print("\n| member | bytes | GB per ImageNet |\n|---|---|---|")
    config = config_of({}, threshold)
    found: dict[str, list[int]] = defaultdict(list)
    for case in photos:
        pair = store_mask(case.mask, threshold, config)
        for ext, data in _encode(case, pair, BACKGROUNDS[background](case.image, pair.hard), config).members:
            found[ext].append(len(data))
    for ext, members in found.items():
        print(f"| `{ext}` | {sizes(members)} |")
    all_ = sum(float(np.mean([in_tar(size) for size in members])) for members in found.values())
    print(f"| together in the tar | {all_:,.0f} | {all_ * IMAGES / 1e9:.1f} |".replace(",", " "))


def _encode(case: Case, pair: MaskPair, filled: Filled, config: RunConfig) -> Encoded:
    free = largest_free_rectangle(pair.hard)
    return encode_sample(
        SampleId(case.key, 0, case.key), StoredPhoto(case.image, case.data), pair, filled, free, config
    )


def host_table(photos: list[Case], threshold: float, background: str, rounds: int) -> None:
    """Milliseconds of each part of a run but the method, on the photos of 500x375."""
    config, clock = config_of({}, threshold), Clock()
    chosen = [case for case in photos if sorted(case.image.shape[:2]) == [375, 500]] or photos
    for number in range(rounds + 1):
        clock = clock if number > 1 else Clock()  # the first round warms up
        with tempfile.TemporaryDirectory() as scratch, _writer(Path(scratch)) as writer:
            for case in chosen:
                _one(case, config, threshold, background, clock, writer)
    print(f"\n| part, {len(chosen)} photos of 500x375 | ms |\n|---|---|")
    for name, values in clock.ms.items():
        print(f"| {name} | {np.median(values):.2f} |")
    each = np.sum([values for name, values in clock.ms.items() if not name.startswith("- ")], axis=0)
    print(f"| all but the method: median (mean) | {np.median(each):.2f} ({np.mean(each):.2f}) |")


def _writer(folder: Path) -> ShardWriter:
    return ShardWriter(folder, "shard", naming.members(photo=True, background=True, classes=True), "")


def _one(
    case: Case, config: RunConfig, threshold: float, background: str, clock: Clock, writer: ShardWriter
) -> None:
    """Time one sample; names that begin with a dash are parts of the one above them, measured once more."""
    sha256 = clock.time("hash of the source", _sha256, case.data)
    image = clock.time("decode", decode, case.data, LIMITS).image
    pair = clock.time("quantise and cut the mask", store_mask, case.mask, threshold, config)
    filled = clock.time(f"background ({background})", BACKGROUNDS[background], image, pair.hard)
    free = clock.time("largest free rectangle", largest_free_rectangle, pair.hard)
    photo = (image, case.data)
    sample = clock.time(
        "encode the sample", encode_sample, SampleId(case.key, 0, case.key), photo, pair, filled, free, config
    )
    clock.time("- mask PNG", encode_mask_png, pair.stored, binary=config.binary)
    clock.time("- background JPEG", encode_jpeg, filled.image, config.background_quality)
    clock.time("- `sat`", coverage.summed_area_table, pair.hard)
    clock.time("- `fg`", coverage.small_mask, pair.stored)
    clock.time("tar (copy, two hashes, write)", writer.add, sample, 0, sha256)


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photos", type=Path)
    parser.add_argument("masks", type=Path)
    parser.add_argument("--threshold", type=float, default=0.5)
    parser.add_argument("--background", choices=sorted(BACKGROUNDS), default="tiled")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    photos = list(cases(given.photos, given.masks))
    if not photos:
        raise SystemExit("no photo has a mask of its name and size")
    print(f"{len(photos)} photos, mean {np.mean([len(case.data) for case in photos]) / 1e3:.1f} kB\n")
    mask_table(photos, given.threshold)
    background_table(photos, given.threshold, given.background)
    member_table(photos, given.threshold, given.background)
    host_table(photos, given.threshold, given.background, given.rounds)


if __name__ == "__main__":
    main()
