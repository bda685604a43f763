"""How often a network still finds the object in backgrounds that were made to be without it.

    python benchmarks/backgrounds.py PHOTOS TRUTHS --method vote [--weights W] [--judge-weights U2NETP]
    python benchmarks/backgrounds.py PHOTOS --method u2netp --weights W --judge-weights W [--sheet sheet.png]

PHOTOS is a folder of JPEGs, TRUTHS one of PNGs of the same names, whose values from 128 on are the object;
without it the judge's own mask of the photo is the object. Masks are made by --method and cut at its
threshold, the backgrounds from them, and the judge (U²-Net-p, or --judge METHOD) looks at each. Residue is
the share of backgrounds in which its mask covers more than half of the object; beside it stands what it
covers on the mean, and the residue in the photo itself. "tiled, version 1" is the way of shards without
``background_version``, kept here to be compared with: the largest strip, repeated from the photo's corner,
with hard edges. `--parity odd` takes the photos that end in an odd number: settings were chosen on others.
Times are CPU ms, medians, of calls in turn.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.backgrounds.choice import MIN_RECTANGLE_PX
from maskgen.backgrounds.rectangle import largest_free_rectangle
from maskgen.backgrounds.region import fill_region, grow_mask, margin_px
from maskgen.backgrounds.telea import telea
from maskgen.backgrounds.tiled import tiled
from maskgen.methods import METHODS, MethodOptions, make_method
from maskgen.shards.confidence import suspected
from maskgen.shards.coverage import small_mask
from maskgen.types import RGB, Box, HardMask

Soft = NDArray[np.uint8]
Maker = Callable[[RGB, HardMask, Soft], RGB]
TILE_PX = (240, 180)
ONCE = "tiled, version 1"


def tiled_once(image: RGB, mask: HardMask, soft: Soft) -> RGB:
    """The tiled background of version 1."""
    region = fill_region(mask)
    if not region.area:
        return image
    strip = _largest_strip(region, image.shape)
    if strip is None:
        box = largest_free_rectangle(grow_mask(mask, margin_px(image.shape)))
        if min(box.y1 - box.y0, box.x1 - box.x0) < MIN_RECTANGLE_PX:
            return tiled(image, mask, soft).image
        strip = box
    out, tile = image.copy(), image[strip.y0 : strip.y1, strip.x0 : strip.x1]
    rows = np.arange(region.y0, region.y1) % tile.shape[0]
    columns = np.arange(region.x0, region.x1) % tile.shape[1]
    out[region.y0 : region.y1, region.x0 : region.x1] = tile[np.ix_(rows, columns)]
    return out


def _largest_strip(region: Box, shape: tuple[int, ...]) -> Box | None:
    """By area alone, above and below before left and right."""
    height, width = shape[:2]
    candidates = [
        Box(0, 0, region.y0, width),
        Box(region.y1, 0, height, width),
        Box(0, 0, height, region.x0),
        Box(0, region.x1, height, width),
    ]
    thick = [
        box
        for box, thickness, side in zip(
            candidates,
            (region.y0, height - region.y1, region.x0, width - region.x1),
            (height, height, width, width),
            strict=True,
        )
        if thickness >= max(8, 0.04 * side)
    ]
    return max(thick, key=lambda box: box.area) if thick else None


MAKERS: dict[str, Maker] = {
    ONCE: tiled_once,
    "tiled": lambda image, mask, soft: tiled(image, mask, soft).image,
    "telea": lambda image, mask, soft: telea(image, mask, soft).image,
}


def load(path: Path) -> RGB:
    """A photo, (H, W, 3) uint8 RGB."""
    photo = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if photo is None:
        raise SystemExit(f"{path} is no photo that OpenCV reads")
    return np.asarray(photo, np.uint8)


def photos_of(options: argparse.Namespace) -> list[Path]:
    """The photos that are taken: every `--every`-th of those with the parity."""
    found = [path for path in sorted(options.photos.iterdir()) if path.suffix.lower() in {".jpg", ".jpeg"}]
    if options.truths is not None:
        found = [path for path in found if (options.truths / f"{path.stem}.png").is_file()]
    if options.parity:
        found = [path for path in found if int(path.stem) % 2 == (options.parity == "odd")]
    return found[:: options.every]


def measure(options: argparse.Namespace) -> None:
    """Print the table, and draw the sheet."""
    method = make_method(options.method, MethodOptions(weights=options.weights, network=options.network))
    judge = make_method(options.judge, MethodOptions(weights=options.judge_weights))
    cut, judge_cut = METHODS[options.method].threshold, METHODS[options.judge].threshold
    covered: dict[str, list[float]] = defaultdict(list)
    taken: dict[str, list[float]] = defaultdict(list)
    rows = []
    paths = photos_of(options)
    for path in paths:
        photo = load(path)
        started = time.thread_time()
        soft = np.rint(method(photo) * 255).astype(np.uint8)
        taken[options.method].append(time.thread_time() - started)
        seen = judge(photo) >= judge_cut
        truth = load(options.truths / f"{path.stem}.png")[..., 0] >= 128 if options.truths else seen
        covered["the photo itself"].append(share(seen, truth))
        mask, small = soft >= max(1, round(cut * 255)), suspected(small_mask(soft), options.method)
        row = [photo, np.repeat(soft[..., None], 3, axis=2)]
        for name, make in MAKERS.items():
            started = time.thread_time()
            background = make(photo, mask, small)
            if name != ONCE:  # written for its pixels, not for speed
                taken[name].append(time.thread_time() - started)
            covered[name].append(share(judge(background) >= judge_cut, truth))
            row.append(background)
        rows.append(np.hstack([cv2.resize(one, TILE_PX, interpolation=cv2.INTER_AREA) for one in row]))
    print(f"| {options.method}, {len(paths)} photos | residue | covered | ms |\n|---|---|---|---|")
    for name, shares in covered.items():
        found = float(np.mean(np.array(shares) > 0.5))
        ms = f"{1e3 * float(np.median(taken[name])):.2f}" if taken[name] else ""
        print(f"| {name} | {found:.3f} | {float(np.mean(shares)):.3f} | {ms} |")
    print(f"\nthe masks: {1e3 * float(np.median(taken[options.method])):.0f} ms a photo")
    if options.sheet:
        cv2.imwrite(str(options.sheet), np.vstack(rows)[..., ::-1])


def share(found: HardMask, truth: HardMask) -> float:
    """Of the object, what was found; 0 without an object."""
    return float((found & truth).sum() / max(1, truth.sum()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("truths", type=Path, nargs="?")
    parser.add_argument("--method", default="vote", choices=list(METHODS))
    parser.add_argument("--weights", default="")
    parser.add_argument("--network", default="")
    parser.add_argument("--judge", default="u2netp", choices=list(METHODS))
    parser.add_argument("--judge-weights", default="")
    parser.add_argument("--parity", choices=("odd", "even"))
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--sheet", type=Path)
    cv2.setNumThreads(1)
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
