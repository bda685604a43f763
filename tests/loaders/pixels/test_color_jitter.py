"""The jitter of the renderer against torchvision's own functions, given the same draws."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional as tv2

from maskgen.loaders.pixels.color_jitter import color_jitter, grayscale

STEPS = (tv2.adjust_brightness, tv2.adjust_contrast, tv2.adjust_saturation, tv2.adjust_hue)
RAMP = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
RNG = np.random.default_rng(0)
NOISE = RNG.integers(0, 256, (190, 180, 3), dtype=np.uint8)  # more pixels than one part of a sum
CORNERS = RNG.choice(np.array([0, 1, 254, 255], np.uint8), (20, 30, 3))


def theirs(
    picture: NDArray[np.uint8], factors: tuple[float, ...], order: tuple[int, ...]
) -> NDArray[np.uint8]:
    made = torch.from_numpy(picture).permute(2, 0, 1)
    for step in order:
        made = STEPS[step](made, factors[step])
    return np.asarray(made.permute(1, 2, 0).numpy())


@pytest.mark.parametrize("order", list(permutations(range(4)))[::5])
@pytest.mark.parametrize("picture", [NOISE, RAMP, CORNERS], ids=["noise", "ramp", "corners"])
def test_any_order_is_within_one_level_of_torchvision(
    picture: NDArray[np.uint8], order: tuple[int, ...]
) -> None:
    rng = np.random.default_rng(order[0])
    for _ in range(2):
        factors = tuple(rng.uniform((0.2, 0.2, 0.0, -0.5), (1.8, 1.8, 1.8, 0.5)).astype(np.float32).tolist())
        off = np.abs(color_jitter(picture, factors, order).astype(int) - theirs(picture, factors, order))
        assert off.max() <= 1
        assert (off > 0).mean() < 0.001


@pytest.mark.parametrize("turn", [-0.5, -1 / 3, -1e-9, 1e-9, 1 / 6, 0.5])
def test_turns_of_the_hue(turn: float) -> None:
    """Whole sixths, half a circle, and a turn so small that it is rounded to a whole circle."""
    for picture in (CORNERS, NOISE[:40], RAMP):
        off = color_jitter(picture, (1, 1, 1, turn), (3,)).astype(int) - theirs(
            picture, (1, 1, 1, turn), (3,)
        )
        assert np.abs(off).max() <= 1


def test_the_contrast_pivots_at_the_mean_not_at_mid_gray() -> None:
    dark = np.full((8, 8, 3), 40, np.uint8)
    dark[:4] = 60
    flat = color_jitter(dark, (1, 0.0, 1, 0), (1,))
    assert (flat == 49).all(), "the mean of 39 and 59, the gray levels rounded down"


def test_the_order_counts() -> None:
    factors = (1.4, 0.6, 1, 0)
    first, second = (color_jitter(NOISE, factors, order).astype(int) for order in ((0, 1), (1, 0)))
    assert np.abs(first - second).max() > 5


def test_grayscale_is_torchvisions() -> None:
    for picture in (NOISE, RAMP, CORNERS):
        expected = tv2.rgb_to_grayscale(torch.from_numpy(picture).permute(2, 0, 1), 3)
        off = grayscale(picture).astype(int) - expected.permute(1, 2, 0).numpy()
        assert np.abs(off).max() <= 1
        assert (off != 0).mean() < 0.001


def test_the_given_picture_stays_as_it_is() -> None:
    copy = NOISE.copy()
    color_jitter(NOISE, (0.5, 0.5, 0.5, 0.2), (3, 2, 1, 0))
    assert (copy == NOISE).all()
