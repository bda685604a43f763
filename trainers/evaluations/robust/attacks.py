"""Pictures changed so little that nobody sees it, and so that a classifier is wrong: FGSM and PGD."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

Model = Callable[[Tensor], Tensor]
STEPS = 40
RELATIVE_STEP = 0.01 / 0.3


def fgsm(model: Model, pixels: Tensor, labels: Tensor, epsilon: float) -> Tensor:
    """One step of epsilon along the sign of the loss's gradient: x' = clip(x + eps sign(grad L(x, y))).

    Source: Goodfellow, Shlens, Szegedy: Explaining and Harnessing Adversarial Examples, ICLR 2015,
    https://arxiv.org/abs/1412.6572, section 4. No deviation.

    Args:
        model: (B, 3, S, S) pixels in [0, 1] to (B, C) logits; what normalizes is inside.
        pixels: (B, 3, S, S) in [0, 1].
        labels: (B,) int64.
        epsilon: most that a value may change, in (0, 1].

    Returns:
        (B, 3, S, S) in [0, 1].

    Example:
        >>> import torch
        >>> from maskgen.trainers.evaluations.robust.attacks import fgsm
        >>> model = lambda x: torch.stack([x.sum((1, 2, 3)), -x.sum((1, 2, 3))], 1)
        >>> fgsm(model, torch.full((1, 3, 2, 2), 0.5), torch.tensor([0]), 0.25)[0, 0].tolist()
        [[0.25, 0.25], [0.25, 0.25]]
    """
    return (pixels + epsilon * _gradient(model, pixels, labels).sign()).clamp(0, 1)


def pgd(
    model: Model,
    pixels: Tensor,
    labels: Tensor,
    epsilon: float,
    *,
    start: Tensor | None,
    steps: int = STEPS,
    relative_step: float = RELATIVE_STEP,
) -> Tensor:
    """Many small steps likewise, each followed by a projection onto what epsilon allows.

    x_{t+1} = clip(proj_{|x' - x| <= eps}(x_t + a sign(grad L(x_t, y)))), a = relative_step * eps.

    Source: Madry et al.: Towards Deep Learning Models Resistant to Adversarial Attacks, ICLR 2018,
    https://arxiv.org/abs/1706.06083, section 2.1; steps and their length as in Ryali et al. 2021,
    https://arxiv.org/abs/2103.12719, A.7. No deviation.

    Args:
        model: as `fgsm`.
        pixels: as `fgsm`.
        labels: as `fgsm`.
        epsilon: as `fgsm`.
        start: (B, 3, S, S) in [-1, 1], where in the allowed cube it begins; None: at the pixels.
        steps: how many.
        relative_step: length of one, over epsilon.
    """
    changed = pixels if start is None else (pixels + epsilon * start).clamp(0, 1)
    for _ in range(steps):
        changed = changed + relative_step * epsilon * _gradient(model, changed, labels).sign()
        changed = torch.min(torch.max(changed, pixels - epsilon), pixels + epsilon).clamp(0, 1)
    return changed


def _gradient(model: Model, pixels: Tensor, labels: Tensor) -> Tensor:
    """Of the cross entropy by the pixels."""
    with torch.enable_grad():
        inputs = pixels.detach().requires_grad_()
        loss = functional.cross_entropy(model(inputs), labels, reduction="sum")
        return torch.autograd.grad(loss, inputs)[0]
