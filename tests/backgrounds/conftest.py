"""Photos with masks, and what every background maker must keep to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.backgrounds.region import grow_mask, margin_px
from maskgen.types import RGB, Background, Filled, HardMask

Case = tuple[RGB, HardMask]


def _shapes(height: int, width: int) -> Iterator[HardMask]:
    """Masks in the middle, at each border and corner, all over, nearly all over, in two parts, one pixel."""
    y, x = max(1, height // 3), max(1, width // 3)
    windows = [
        (y, 2 * y, x, 2 * x),
        (0, height, 0, x),
        (height - y, height, 0, width),
        (0, y, width - x, width),
    ]
    windows += [
        (0, height, 0, width),
        (1, height, 0, width),
        (height // 2, height // 2 + 1, width // 2, width // 2 + 1),
    ]
    for y0, y1, x0, x1 in windows:
        mask = np.zeros((height, width), bool)
        mask[y0:y1, x0:x1] = True
        yield mask
    mask = np.zeros((height, width), bool)
    mask[0, 0] = mask[-1, -1] = True
    yield mask
    frame = np.ones((height, width), bool)
    frame[height // 4 : height - height // 4, width // 4 : width - width // 4] = False
    yield frame


@pytest.fixture(scope="session")
def synthetic_cases() -> list[Case]:
    """Noise with masks of all positions, at sizes from one pixel up."""
    rng = np.random.default_rng(0)
    sizes = [(1, 1), (1, 2), (1, 60), (60, 1), (2, 2), (5, 7), (16, 16), (33, 90), (91, 64), (200, 130)]
    return [
        (rng.integers(0, 256, (*size, 3), dtype=np.uint8), mask) for size in sizes for mask in _shapes(*size)
    ]


@pytest.fixture(scope="session")
def real_cases(shared_data: Path) -> list[Case]:
    """Every ninth ECSSD photo of the development set with its true mask."""
    cases = []
    for path in sorted((shared_data / "ecssd" / "ground_truth_mask").glob("*.png"))[::9]:
        photo = cv2.imread(str(shared_data / "ecssd" / "images" / f"{path.stem}.jpg"), cv2.IMREAD_COLOR_RGB)
        truth = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert photo is not None
        assert truth is not None
        cases.append((np.asarray(photo, np.uint8), np.asarray(truth) >= 128))
    return cases


def _painted(photo: RGB, where: HardMask, color: tuple[int, int, int]) -> RGB:
    out = photo.copy()
    out[where] = color
    return out


def _keeps_foreground_out(maker: Background, photo: RGB, mask: HardMask) -> Filled:
    """Outside the region the photo; inside nothing that depends on the foreground, by repainting it.

    Two colors in turn: when the results are equal in every byte, no foreground pixel was copied, averaged or
    blended into either.
    """
    before = photo.copy()
    filled = maker(photo, mask)
    np.testing.assert_array_equal(photo, before)
    assert filled.image.shape == photo.shape
    assert filled.image.dtype == np.uint8
    y0, x0, y1, x1 = filled.region
    outside = np.ones(mask.shape, bool)
    outside[y0:y1, x0:x1] = False
    assert not (outside & mask).any()
    np.testing.assert_array_equal(filled.image[outside], photo[outside])

    # The hard mask's own margin holds the soft edge: it must not count either, save in the mean of what is
    # left.
    edge = mask if filled.how == "mean" else grow_mask(mask, margin_px(photo.shape))
    for color in ((255, 0, 254), (0, 255, 1)):
        again = maker(_painted(photo, edge, color), mask)
        assert (again.how, again.region) == (filled.how, filled.region)
        if filled.how != "untouched":
            np.testing.assert_array_equal(again.image[mask], filled.image[mask])
            np.testing.assert_array_equal(again.image[y0:y1, x0:x1], filled.image[y0:y1, x0:x1])
    return filled


@pytest.fixture(scope="session")
def keeps_foreground_out() -> Callable[[Background, RGB, HardMask], Filled]:
    """The check that every background maker must pass on every photo and mask."""
    return _keeps_foreground_out
