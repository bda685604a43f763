"""What is done to each row's view, and where its random numbers lie."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import crops

KEEP, GRAY, DONOR, PASTE = 0, 1, 2, 3

BLOCK = 64
"""Random numbers of a view: its crop's, and behind them these; the layout is part of reproducibility."""
FLIP, JITTER_COIN, JITTER = crops.UNIFORMS, crops.UNIFORMS + 1, crops.UNIFORMS + 2
GRAY_COIN, BLUR_COIN, SIGMA, SOLARIZE_COIN = range(crops.UNIFORMS + 6, crops.UNIFORMS + 10)
POLICY_COIN, POLICY, POLICY_U = crops.UNIFORMS + 10, crops.UNIFORMS + 11, crops.UNIFORMS + 12
REPLACE_COIN, LEVEL, OTHER, ORDER = range(crops.UNIFORMS + 16, crops.UNIFORMS + 20)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewDraws:
    """What is done to one view of each of B rows.

    Args:
        box: (B, 4) float32 (y0, x0, height, width) relative to the stored photo, edges on whole pixels of it.
        flip: (B,) bool, whether the view is flipped left to right.
        color: (B, 4) float32 brightness, contrast, saturation, hue in degrees; 1, 1, 1, 0 changes nothing.
        order: (B, 4) uint8, the order of these steps where they are not one map: 0 brightness, 1 contrast,
            2 saturation, 3 hue.
        grayscale: (B,) bool, whether grayscale follows them as a step of its own.
        sigma: (B,) float32, σ of the Gaussian blur in px of the view; 0: none.
        solarize: (B,) bool.
        policy: (B,) int16, AutoAugment sub-policy 0..24 in place of color, blur and solarize; -1: none.
        policy_u: (B, 4) float32 in [0, 1): whether its two operations happen, and their signs.
        kind: (B,) uint8, background 0 kept, 1 gray, 2 of another picture; of a negative also 3: made of this
            view and its query's, see `Negative.formula`.
        skipped: (B,) bool, whether the background was to be another, and there was too little foreground for
            that, or no other row that lends one.
        gray: (B,) uint8, the gray level where kind is 1.
        donor: (B,) int32, row whose background picture is shown where kind is 2, else -1.
        mask_box: (B, 4) int32 (y0, x0, y1, x1), px of the view: the part of it that its masks may show as
            foreground, see `View.masks_within`.
        bg_box, bg_flip, bg_color, bg_order, bg_grayscale, bg_sigma, bg_solarize: where kind is 2, how that
            picture is cut and colored; shapes as above. A background placed before the photometric chain
            keeps its colors here.
    """

    box: NDArray[np.float32]
    flip: NDArray[np.bool_]
    color: NDArray[np.float32]
    order: NDArray[np.uint8]
    grayscale: NDArray[np.bool_]
    sigma: NDArray[np.float32]
    solarize: NDArray[np.bool_]
    policy: NDArray[np.int16]
    policy_u: NDArray[np.float32]
    kind: NDArray[np.uint8]
    skipped: NDArray[np.bool_]
    gray: NDArray[np.uint8]
    donor: NDArray[np.int32]
    mask_box: NDArray[np.int32]
    bg_box: NDArray[np.float32]
    bg_flip: NDArray[np.bool_]
    bg_color: NDArray[np.float32]
    bg_order: NDArray[np.uint8]
    bg_grayscale: NDArray[np.bool_]
    bg_sigma: NDArray[np.float32]
    bg_solarize: NDArray[np.bool_]

    def rows(self, chosen: NDArray[np.integer[Any]]) -> ViewDraws:
        """The draws of the (n,) chosen rows, in that order; `donor` still counts rows of the whole batch."""
        return ViewDraws(**{part.name: getattr(self, part.name)[chosen] for part in fields(self)})

    def with_picture_of(self, other: ViewDraws) -> ViewDraws:
        """The same, with a background picture that is cut and colored as that of `other`."""
        names = [part.name for part in fields(self) if part.name.startswith("bg_")]
        return replace(self, **{name: getattr(other, name) for name in names})
