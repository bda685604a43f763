"""Losses without negatives: SimSiam, BYOL and MSR."""

from __future__ import annotations

from math import cos, pi

from torch import Tensor
from torch.nn import functional

from .precision import in_float32


@in_float32
def negative_cosine(prediction: Tensor, target: Tensor) -> Tensor:
    """D(p, z) = -mean_i p_i·z_i / (|p_i| |z_i|), z without a gradient.

    Https://arxiv.org/abs/2011.10566, eq. 1 and 3.

    Args:
        prediction: (B, D), of any length.
        target: (B, D), of any length; no gradient reaches it.

    Returns:
        A float32 scalar from -1 to 1; float64 stays float64.

    Raises:
        RuntimeError: the shapes differ (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import negative_cosine
        >>> negative_cosine(torch.eye(2), torch.eye(2)).item()
        -1.0
    """
    return -functional.cosine_similarity(prediction, target.detach(), dim=1).mean()


def byol_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """|q/|q| - z'/|z'||^2 = 2 - 2 cos, the mean over rows: https://arxiv.org/abs/2006.07733, eq. 2.

    Args:
        prediction: (B, D), of any length.
        target: (B, D), of any length; no gradient reaches it.

    Returns:
        A float32 scalar from 0 to 4.

    Raises:
        RuntimeError: the shapes differ (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import byol_loss
        >>> byol_loss(torch.eye(2), -torch.eye(2)).item()
        4.0
    """
    return 2 + 2 * negative_cosine(prediction, target)


def msr_beta(base: float, step: int, steps: int) -> float:
    """The weight of aggressive pairs, base · (cos(pi k / K) + 1) / 2: https://arxiv.org/abs/2206.01999v1, eq.

    6.

    Args:
        base: the weight of the first step, in [0, 1].
        step: k, from 0.
        steps: K, of the whole run.

    Returns:
        From `base` down to 0.

    Example:
        >>> from maskgen.trainers.losses import msr_beta
        >>> msr_beta(0.4, 0, 100), msr_beta(0.4, 100, 100)
        (0.4, 0.0)
    """
    return base * (cos(pi * min(step, steps) / max(steps, 1)) + 1) / 2


def msr_loss(
    predictions: tuple[Tensor, Tensor], weak: tuple[Tensor, Tensor], beta: float, cosine: bool = False
) -> Tensor:
    """Each view's prediction against the other view, weak and aggressive.

    Https://arxiv.org/abs/2206.01999v1, eq. 5.

    (1-b) L(z, xi') + b L(z, z') + (1-b) L(z', xi) + b L(z', z)

    Deviation: the paper shows no stop-gradient on the aggressive target; its code detaches it, and so does
    this.

    Args:
        predictions: z and z', (B, D) each: the online predictor's outputs of the two aggressive views.
        weak: xi and xi', (B, D) each: the targets of the two weak views, in the same order.
        beta: b, in [0, 1].
        cosine: L is the negative cosine (SimSiam + MSR, appendix B) instead of 2 - 2 cos.

    Returns:
        A float32 scalar, from 0 to 8, or from -2 to 2 with `cosine`.

    Raises:
        RuntimeError: the shapes differ (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import msr_loss
        >>> z = torch.eye(2)
        >>> msr_loss((z, z), (z, z), beta=0.3, cosine=True).item()
        -2.0
    """
    distance = negative_cosine if cosine else byol_loss
    (z, other_z), (xi, other_xi) = predictions, weak
    clean = distance(z, other_xi) + distance(other_z, xi)
    aggressive = distance(z, other_z) + distance(other_z, z)
    return (1 - beta) * clean + beta * aggressive
