"""The loss of DeepUSPS.

One less the F-measure of soft counts, blind where the network is surer than its label.

Nguyen et al., "DeepUSPS: deep robust unsupervised saliency prediction via self-supervision", NeurIPS 2019,
section 3.2, and its released code, which differs from the paper: beta² is 1 in the first phase and 4 in the
second, the paper says .3.
"""

from __future__ import annotations

import torch
from torch import Tensor

EPSILON = 1e-5
"""As in the released code; an empty label gives the loss 1 and no gradient."""


def f_measure_loss(probabilities: Tensor, targets: Tensor, beta2: float) -> Tensor:
    """One less the F-measure, the mean over the batch.

    With TP, FP and FN summed over pixels, P = TP / (TP + FP) and R = TP / (TP + FN):
    ``1 - (1 + beta2) P R / (beta2 P + R)``.

    Args:
        probabilities: (B, H, W) float in [0, 1].
        targets: (B, H, W) float, 0 or 1.
        beta2: weight of recall against precision, squared.

    Returns:
        A scalar in [0, 1].
    """
    overlap = (probabilities * targets).sum(dim=(1, 2))
    precision = overlap / (probabilities.sum(dim=(1, 2)) + EPSILON)
    recall = overlap / (targets.sum(dim=(1, 2)) + EPSILON)
    f_measure = (1 + beta2) * precision * recall / (beta2 * precision + recall + EPSILON)
    return (1 - f_measure).mean()


def clamp_surer(probabilities: Tensor, labels: Tensor, threshold: float) -> Tensor:
    """Predictions that go further than a soft label, on its side of the threshold, count as certain.

    So they cost nothing and have no gradient: a label of .7 asks for .7 or more, not for 1.

    Args:
        probabilities: (B, H, W) float in [0, 1].
        labels: (B, H, W) float in [0, 1].
        threshold: where labels are cut.

    Returns:
        (B, H, W): 1 where label > threshold and prediction > label, 0 where label < threshold and prediction
        < label, elsewhere the predictions.
    """
    surely_in = (labels > threshold) & (probabilities > labels)
    surely_out = (labels < threshold) & (probabilities < labels)
    return torch.where(surely_in, 1.0, torch.where(surely_out, 0.0, probabilities))


def pseudo_label_loss(
    probabilities: Tensor, labels: tuple[Tensor, ...], thresholds: tuple[float, ...], beta2: float
) -> Tensor:
    """The mean of the F-measure losses against each label map.

    One in a prior's rounds, one per prior in the fusion.

    Args:
        probabilities: (B, H, W) float in [0, 1].
        labels: each (B, H, W) float in [0, 1].
        thresholds: of each label map: foreground lies above.
        beta2: weight of recall, squared.

    Returns:
        A scalar in [0, 1].
    """
    losses = [
        f_measure_loss(
            clamp_surer(probabilities, label, threshold), (label > threshold).to(probabilities.dtype), beta2
        )
        for label, threshold in zip(labels, thresholds, strict=True)
    ]
    return torch.stack(losses).mean()
