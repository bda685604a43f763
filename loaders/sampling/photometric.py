"""Flips and colors of a view, drawn as torchvision's transforms draw them."""

from __future__ import annotations

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from ..recipes.parts import Photometric
from ..recipes.spec import View
from .view_draws import (
    BLUR_COIN,
    FLIP,
    GRAY_COIN,
    JITTER,
    JITTER_COIN,
    ORDER,
    POLICY,
    POLICY_COIN,
    POLICY_U,
    SIGMA,
    SOLARIZE_COIN,
    ViewDraws,
)

POLICIES = 25
UNCHANGED = np.array([1, 1, 1, 0], np.float32)
"""Brightness, contrast and saturation factors and hue that change no color."""
_ORDERS = np.array(list(permutations(range(4))), np.uint8)


def draw_plain(view: View, drawn: NDArray[np.float32], box: NDArray[np.float32]) -> ViewDraws:
    """The draws of one view with its own background.

    Args:
        view: of the recipe.
        drawn: (B, `view_draws.BLOCK`) its random numbers.
        box: (B, 4) its crops.
    """
    chain, count = view.photometric, len(drawn)
    policy = np.full(count, -1, np.int16)
    if chain.auto_augment_p:
        chosen = (drawn[:, POLICY] * POLICIES).astype(np.int16)
        policy = np.where(drawn[:, POLICY_COIN] < chain.auto_augment_p, chosen, policy)
    usual = policy < 0
    low, high = chain.blur_sigma
    sigma = np.float32(low) + drawn[:, SIGMA] * np.float32(high - low)
    flip = drawn[:, FLIP] < view.flip_p
    color = np.where(usual[:, None], _colors(chain, drawn), UNCHANGED)
    order = _ORDERS[(drawn[:, ORDER] * len(_ORDERS)).astype(np.int64)]
    grayscale = usual & (chain.jitter_mode == "torchvision") & (drawn[:, GRAY_COIN] < chain.gray_p)
    sigma = np.where(usual & (drawn[:, BLUR_COIN] < chain.blur_p), sigma, np.float32(0))
    solarize = usual & (drawn[:, SOLARIZE_COIN] < chain.solarize_p)
    return ViewDraws(
        box=box,
        flip=flip,
        color=color,
        order=order,
        grayscale=grayscale,
        sigma=sigma,
        solarize=solarize,
        policy=policy,
        policy_u=drawn[:, POLICY_U : POLICY_U + 4],
        kind=np.zeros(count, np.uint8),
        skipped=np.zeros(count, np.bool_),
        gray=np.zeros(count, np.uint8),
        donor=np.full(count, -1, np.int32),
        mask_box=np.tile(np.array([0, 0, view.size, view.size], np.int32), (count, 1)),
        bg_box=box,
        bg_flip=flip,
        bg_color=color,
        bg_order=order,
        bg_grayscale=grayscale,
        bg_sigma=sigma,
        bg_solarize=solarize,
    )


def _colors(chain: Photometric, drawn: NDArray[np.float32]) -> NDArray[np.float32]:
    """(B, 4) brightness, contrast, saturation factors and hue degrees, as ColorJitter draws them."""
    reach = np.array([*chain.jitter[:3], 360 * chain.jitter[3]], np.float32)
    low, high = UNCHANGED - reach, UNCHANGED + reach
    low[:3] = np.maximum(low[:3], 0)
    jittered = low + drawn[:, JITTER : JITTER + 4] * (high - low)
    color = np.where(drawn[:, JITTER_COIN, None] < chain.jitter_p, jittered, UNCHANGED)
    if chain.jitter_mode == "affine":
        color[drawn[:, GRAY_COIN] < chain.gray_p, 2] = 0
    return color


def color_matrix(color: NDArray[np.float32]) -> NDArray[np.float32]:
    """The affine maps of RGB that `nvidia.dali.fn.color_twist` applies.

    In YIQ the saturation scales and the hue turns the chroma; then contrast around 128, then brightness.

    Args:
        color: (B, 4) brightness, contrast, saturation factors and hue in degrees.

    Returns:
        (B, 3, 4) float32: new RGB = m[:, :3] · RGB + m[:, 3], for values 0..255.
    """
    brightness, contrast, saturation, hue = np.asarray(color, np.float64).T
    turn = np.zeros((len(color), 3, 3))
    turn[:, 0, 0] = 1
    turn[:, 1, 1] = turn[:, 2, 2] = saturation * np.cos(np.deg2rad(hue))
    turn[:, 1, 2] = saturation * np.sin(np.deg2rad(hue))
    turn[:, 2, 1] = -turn[:, 1, 2]
    matrix = np.empty((len(color), 3, 4))
    matrix[..., :3] = (brightness * contrast)[:, None, None] * (_RGB_OF_YIQ @ turn @ _YIQ_OF_RGB)
    matrix[..., 3] = (brightness * (128 - 128 * contrast))[:, None]
    return matrix.astype(np.float32)


# NTSC, with the three digits that DALI uses; its inverse is exact, so gray may come out up to 0.6 off gray.
_YIQ_OF_RGB = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.321], [0.211, -0.523, 0.311]])
_RGB_OF_YIQ = np.linalg.inv(_YIQ_OF_RGB)
