"""Photos whose backgrounds give their class away.

The synthetic photos: an object, cut by a random super-ellipse out of one of eight colour photos, on one of
eight grey textures with a random tint; all sixteen come with scikit-image. The outline says nothing about the
class. Training parts come from the left 60 % of each picture, test parts from the right 40 %.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from maskgen.types import RGB, HardMask

OBJECTS = (
    "astronaut",
    "chelsea",
    "coffee",
    "hubble_deep_field",
    "immunohistochemistry",
    "retina",
    "rocket",
    "motorcycle",
)
TEXTURES = ("brick", "camera", "clock", "coins", "grass", "gravel", "page", "text")
CLASSES = len(OBJECTS)
BIASED = 0.95
"""How often a training photo's texture is its class's own; else it is any of the eight."""
HEIGHT = 320
QUALITY = 95


@dataclass(frozen=True, eq=False)
class Scene:
    """A photo with its true mask.

    Args:
        image: (H, W, 3) uint8 RGB.
        mask: (H, W) bool, True is foreground.
        label: its class.
    """

    image: RGB
    mask: HardMask
    label: int


@dataclass(frozen=True)
class Place:
    """Where objects lie.

    Args:
        area: least and largest share of the photo.
        reach: how far off the middle at most, of the side.
    """

    area: tuple[float, float]
    reach: float


PLACES = {"anywhere": Place((0.06, 0.16), 0.36), "middle": Place((0.2, 0.4), 0.2)}
"""By name. A box in the middle overlaps little with objects that lie anywhere."""


def sources(*, train: bool) -> tuple[list[RGB], list[RGB]]:
    """The parts of the objects' and textures' pictures that one split is cut from, 320 px high."""
    return [_part(name, train) for name in OBJECTS], [_part(name, train) for name in TEXTURES]


def _part(name: str, train: bool) -> RGB:
    from skimage import data

    made: Any = data.stereo_motorcycle if name == "motorcycle" else getattr(data, name)
    picture = made()[0] if name == "motorcycle" else made()
    picture = picture if picture.ndim == 3 else np.repeat(picture[:, :, None], 3, axis=2)
    cut = round(0.6 * picture.shape[1])
    part = np.ascontiguousarray((picture[:, :cut] if train else picture[:, cut:])[:, :, :3])
    width = round(part.shape[1] * HEIGHT / part.shape[0])
    return _resized(part, width, HEIGHT)


def compose(count: int, side: int, *, train: bool, seed: int, place: Place) -> Iterator[Scene]:
    """Synthetic photos, their classes in turn.

    Args:
        count: of photos.
        side: of a photo, px.
        train: cut from the training parts, 95 % on their class's own texture; else from the test parts, all
            on theirs.
        seed: of all draws.
        place: of the objects.
    """
    objects, textures = sources(train=train)
    for number in range(count):
        rng = np.random.default_rng([seed, int(train), number])
        label = number % CLASSES
        own = not train or rng.random() < BIASED
        texture = label if own else int(rng.integers(CLASSES))
        ground = _patch(textures[texture], side, rng) * rng.uniform(0.75, 1.25, 3)
        shape = super_ellipse(side, rng, place)
        blend = cv2.GaussianBlur(shape.astype(np.float64), (0, 0), 0.6)[:, :, None]
        mixed = blend * _patch(objects[label], side, rng) + (1 - blend) * ground
        image = np.clip(np.rint(mixed), 0, 255).astype(np.uint8)
        yield Scene(image, shape, label)


def _patch(picture: RGB, side: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """A random square of 80 to 120 px, as (side, side, 3)."""
    height, width = picture.shape[:2]
    length = int(rng.integers(80, min(120, height, width) + 1))
    y, x = (int(rng.integers(limit - length + 1)) for limit in (height, width))
    square = picture[y : y + length, x : x + length]
    return _resized(square, side, side).astype(np.float64)


def _resized(picture: RGB, width: int, height: int) -> RGB:
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def super_ellipse(side: int, rng: np.random.Generator, place: Place) -> HardMask:
    """|u / a|^n + |v / b|^n <= 1, turned, wholly inside the square: (side, side) bool."""
    places = np.arange(side) - (side - 1) / 2
    while True:
        power = np.exp(rng.uniform(np.log(1.5), np.log(5)))
        aspect, angle = rng.uniform(0.6, 1), rng.uniform(0, np.pi)
        area = int(rng.uniform(*place.area) * side**2)
        dy, dx = rng.uniform(-place.reach, place.reach, 2) * side
        y, x = np.meshgrid(places - dy, places - dx, indexing="ij")
        u, v = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        level = np.abs(u) ** power + np.abs(v / aspect) ** power
        shape: HardMask = level <= np.partition(level.ravel(), area)[area]
        if not (shape[[0, -1]].any() or shape[:, [0, -1]].any()):
            return shape


def write_photo(path: Path, picture: RGB) -> None:
    """A JPEG, in folders that are made."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path, quality=QUALITY, subsampling=0)


def write_mask(path: Path, mask: HardMask) -> None:
    """A grey PNG, 255 for foreground."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
