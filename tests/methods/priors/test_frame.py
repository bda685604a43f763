"""Frame removal against known frames and the definition of its edges."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.priors.frame import find_frame, sobel_edges
from maskgen.types import RGB


def texture(height: int, width: int, seed: int = 0) -> RGB:
    """Mid-gray noise: no line of it is an edge."""
    return np.random.default_rng(seed).integers(90, 150, (height, width, 3)).astype(np.uint8)


def framed(picture: RGB, top: int, left: int, bottom: int, right: int, value: int) -> RGB:
    return np.pad(picture, ((top, bottom), (left, right), (0, 0)), constant_values=value)


@pytest.mark.parametrize("value", [0, 255])
@pytest.mark.parametrize("widths", [(10, 10, 10, 10), (4, 20, 9, 28), (2, 2, 2, 2), (25, 3, 25, 3)])
def test_a_frame_is_cut_to_within_a_pixel(widths: tuple[int, int, int, int], value: int) -> None:
    top, left = widths[:2]
    box = find_frame(framed(texture(200, 260), *widths, value))
    inside = (top, left, top + 200, left + 260)
    over = [box.y0 - inside[0], box.x0 - inside[1], inside[2] - box.y1, inside[3] - box.x1]
    assert all(0 <= cut <= 1 for cut in over)


def test_sides_without_a_frame_get_the_widest_found() -> None:
    box = find_frame(framed(texture(200, 260), 12, 0, 0, 0, 0))
    assert len({box.y0, box.x0, 200 + 12 - box.y1, 260 - box.x1}) == 1
    assert box.y0 in (12, 13)


def test_a_frame_wider_than_the_band_is_left() -> None:
    image = framed(texture(200, 260), 35, 35, 35, 35, 0)
    assert find_frame(image) == (0, 0, *image.shape[:2])


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 3), (7, 90), (40, 40), (60, 400)])
def test_the_inner_half_of_each_side_always_stays(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        stripes = np.zeros((*shape, 3), np.uint8)
        stripes[rng.random(shape[0]) < 0.5] = 255
        stripes[:, rng.random(shape[1]) < 0.5] ^= 255
        y0, x0, y1, x1 = find_frame(stripes)
        assert y1 - y0 >= shape[0] / 2
        assert x1 - x0 >= shape[1] / 2


def test_a_textured_margin_needs_a_sharp_line() -> None:
    image = framed(texture(200, 260), 10, 10, 10, 10, 0)
    assert find_frame(image) != (0, 0, *image.shape[:2])  # noise splits this edge over two lines ...
    image[:10] = texture(10, 280, seed=1) - 80
    image[-10:] = texture(10, 280, seed=2) - 80
    image[:, :10] = texture(220, 10, seed=3) - 80
    image[:, -10:] = texture(220, 10, seed=4) - 80
    assert find_frame(image) == (0, 0, *image.shape[:2])  # ... which counts for a margin of one color only


def test_few_photos_have_a_frame(shared_data: Path) -> None:
    photos = sorted((shared_data / "ecssd" / "images").glob("*.jpg"))[::4]
    images = [cv2.cvtColor(cv2.imread(str(photo)), cv2.COLOR_BGR2RGB).astype(np.uint8) for photo in photos]
    framed_photos = [find_frame(image) != (0, 0, *image.shape[:2]) for image in images]
    assert np.mean(framed_photos) <= 0.05


def brute_sobel_edges(gray: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The definition, pixel by pixel, on an edge-replicated image."""
    height, width = gray.shape
    padded = np.pad(gray.astype(float), 1, mode="edge")
    kernel = np.array([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]) / 8
    gx, gy = np.zeros(gray.shape), np.zeros(gray.shape)
    for y in range(height):
        for x in range(width):
            window = padded[y : y + 3, x : x + 3]
            gx[y, x], gy[y, x] = (window * kernel).sum(), (window * kernel.T).sum()
    strength = gx**2 + gy**2
    edges = np.zeros(gray.shape, np.bool_)
    for y in range(1, height - 1):
        for x in range(1, width - 1):
            here = strength[y, x]
            across_x = abs(gx[y, x]) >= abs(gy[y, x]) and strength[y, x - 1] <= here > strength[y, x + 1]
            across_y = abs(gy[y, x]) >= abs(gx[y, x]) and strength[y - 1, x] <= here > strength[y + 1, x]
            edges[y, x] = here > 4 * strength.mean() and (across_x or across_y)
    return edges


@pytest.mark.parametrize("seed", range(3))
def test_sobel_edges_follow_their_definition(seed: int) -> None:
    gray = np.random.default_rng(seed).integers(0, 40, (23, 31)).astype(np.uint8)
    gray[5:15, 8:20] += 120
    expected = brute_sobel_edges(gray)
    assert expected.any()
    assert np.array_equal(sobel_edges(gray), expected)
