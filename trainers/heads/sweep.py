"""The settings that RELICv2 sweeps for its linear transfers, and a seeded draw of some of them.

Tomasev et al., "Pushing the limits of self-supervised ResNets: can we outperform supervised learning without
labels on ImageNet?" (https://arxiv.org/abs/2201.05119), appendix D.3, whose values are repeated and completed
by the appendix on JFT-300M: nine learning rates, four batch sizes, six weight decays, warm-up, momentum,
Nesterov and the epochs, SGD; the best on the validation images is trained again from scratch on these too.
The whole grid has 8,640 points, and the paper does not say how many were tried; here a seed draws some,
without repetition. The schedule is a cosine (ours; the paper names none).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

import numpy as np

from .protocols import Protocol

LRS = (0.01, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 1.0, 2.0)
BATCH_SIZES = (128, 256, 512, 1024)
WEIGHT_DECAYS = (1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1)
WARMUPS = (0, 10)
"""Epochs of linear warm-up."""
MOMENTA = (0.9, 0.99)
EPOCHS = (20, 30, 60, 80, 100)


def draw_trials(protocol: Protocol, trials: int, seed: int, lrs: Sequence[float] = ()) -> list[Protocol]:
    """Points of the grid, each another one, as protocols of SGD.

    Args:
        protocol: all else.
        trials: how many, at most; the whole grid if it has no more.
        seed: of the draw.
        lrs: learning rates in place of the paper's.

    Example:
        >>> from maskgen.trainers.heads.protocols import find_protocol
        >>> from maskgen.trainers.heads.sweep import draw_trials
        >>> first, second = draw_trials(find_protocol("relicv2-transfer"), 2, seed=0)
        >>> first.solver, first != second
        ('sgd', True)
    """
    axes = (tuple(lrs) or LRS, BATCH_SIZES, WEIGHT_DECAYS, WARMUPS, MOMENTA, (False, True), EPOCHS)
    sizes = [len(axis) for axis in axes]
    count = prod(sizes)
    chosen = np.random.default_rng(seed).permutation(count)[:trials]
    found = []
    for places in zip(*(part.tolist() for part in np.unravel_index(chosen, sizes)), strict=True):
        lr, batch, decay, warmup, momentum, nesterov, epochs = (
            axis[place] for axis, place in zip(axes, places, strict=True)
        )
        point = replace(
            protocol, solver="sgd", lr=float(lr), batch_size=int(batch), weight_decay=float(decay)
        )
        found.append(
            replace(
                point,
                warmup_epochs=float(warmup),
                momentum=float(momentum),
                nesterov=bool(nesterov),
                epochs=int(epochs),
            )
        )
    return found
