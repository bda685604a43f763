"""Losses without negatives: SimSiam, BYOL and MSR."""

from __future__ import annotations

from math import cos, pi

from torch import Tensor
from torch.nn import functional

from .precision import in_float32


@in_float32
def negative_cosine(prediction: Tensor, target: Tensor) -> Tensor:
    """D(p, z) = -mean_i p_i·z_i / (|p_i| |z_i|), z without a gradient (Chen and He 2021, eq. 1 and 3).

    Args:
        prediction: (B, D).
        target: (B, D).
    """
    return -functional.cosine_similarity(prediction, target.detach(), dim=1).mean()


def byol_loss(prediction: Tensor, target: Tensor) -> Tensor:
    """|q/|q| - z'/|z'||^2 = 2 - 2 cos, mean over (B, D) rows, z' without a gradient (Grill et al. 2020, eq. 2)."""
    return 2 + 2 * negative_cosine(prediction, target)


def msr_beta(base: float, step: int, steps: int) -> float:
    """The weight of aggressive pairs, base · (cos(pi k / K) + 1) / 2 (MSR, eq. 6)."""
    return base * (cos(pi * min(step, steps) / max(steps, 1)) + 1) / 2


def msr_loss(
    predictions: tuple[Tensor, Tensor], weak: tuple[Tensor, Tensor], beta: float, cosine: bool = False
) -> Tensor:
    """Equation 5 of MSR: each view's prediction against the other view, weakly and aggressively augmented.

    (1-b) L(z, xi') + b L(z, z') + (1-b) L(z', xi) + b L(z', z)

    The paper shows no stop-gradient on the aggressive target; its code detaches it, and so does this.

    Args:
        predictions: z and z', (B, D) each: the online predictor's outputs of the two aggressive views.
        weak: xi and xi', (B, D) each: the targets of the two weak views, in the same order.
        beta: b, in [0, 1].
        cosine: L is the negative cosine (SimSiam + MSR, appendix B) instead of 2 - 2 cos.
    """
    distance = negative_cosine if cosine else byol_loss
    (z, other_z), (xi, other_xi) = predictions, weak
    clean = distance(z, other_xi) + distance(other_z, xi)
    aggressive = distance(z, other_z) + distance(other_z, z)
    return (1 - beta) * clean + beta * aggressive
