"""Noise on the foreground alone, or on the background alone, for the relative foreground sensitivity.

Moayeri, Pope, Balaji, Feizi, CVPR 2022, https://arxiv.org/abs/2201.10766: Gaussian, 0.25 of the range,
independent for every channel and pixel, three trials.
"""

from __future__ import annotations

import numpy as np

from ..types import RGB, HardMask

SIGMA = 0.25
FOREGROUND, BACKGROUND = "noisy_fg_", "noisy_bg_"


def noisy_variants(trials: int) -> tuple[str, ...]:
    """Names of the variants, two for each trial.

    Example:
        >>> from maskgen.challenge.noise import noisy_variants
        >>> noisy_variants(2)
        ('noisy_fg_1', 'noisy_bg_1', 'noisy_fg_2', 'noisy_bg_2')
    """
    return tuple(f"{kind}{trial}" for trial in range(1, trials + 1) for kind in (FOREGROUND, BACKGROUND))


def add_noise(image: RGB, where: HardMask, seed: int) -> RGB:
    """A picture with noise where it is wanted, cut off at black and white.

    Args:
        image: (S, S, 3) uint8 RGB.
        where: (S, S) bool.
        seed: of the noise, which is drawn for the whole picture and used where it is wanted.

    Example:
        >>> import numpy as np
        >>> from maskgen.challenge.noise import add_noise
        >>> noisy = add_noise(np.full((8, 8, 3), 128, np.uint8), np.eye(8, dtype=np.bool_), seed=0)
        >>> int((noisy != 128).any(axis=2).sum())
        8
    """
    noise = np.random.default_rng(seed).normal(0, 255 * SIGMA, image.shape)
    noisy = np.clip(np.rint(image + noise), 0, 255).astype(np.uint8)
    return np.where(where[..., None], noisy, image)
