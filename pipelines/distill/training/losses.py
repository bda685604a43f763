"""The losses: DeepUSPS's for cut labels, and a student's for soft ones.

DeepUSPS's: one less the F-measure of soft counts, blind where the network is surer than its label.

Nguyen et al., "DeepUSPS: deep robust unsupervised saliency prediction via self-supervision", NeurIPS 2019,
section 3.2, and its released code, which differs from the paper: beta² is 1 in the first phase and 4 in the
second, the paper says .3.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

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


EDGE_SIDE = 15
"""Side of the square whose mean says how near an edge of the label is, px."""
EDGE_WEIGHT, OVERLAP_WEIGHT = 2.0, 0.5


def edge_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy with soft labels, heavier where they have edges, and the soft intersection over union.

    Own, after F3Net's (Wei, Wang and Huang, AAAI 2020, https://arxiv.org/abs/1911.11445, equations 9 and 12:
    weights 1 + 5 |mean - label| over 31 px at 352 px). Here 15 px and 2, for views of 224 px and labels that
    are other methods' maps, wrong at their edges more often than inside.

    Args:
        logits: (B, H, W) float.
        labels: (B, H, W) float in [0, 1].

    Returns:
        A scalar, the mean over the batch.
    """
    around = functional.avg_pool2d(labels[:, None], EDGE_SIDE, 1, EDGE_SIDE // 2, count_include_pad=False)[
        :, 0
    ]
    weights = 1 + EDGE_WEIGHT * (labels - around).abs()
    entropies = functional.binary_cross_entropy_with_logits(logits, labels, reduction="none")
    entropy = (weights * entropies).sum((1, 2)) / weights.sum((1, 2))
    maps = torch.sigmoid(logits)
    overlap = (maps * labels).sum((1, 2))
    union = (maps + labels - maps * labels).sum((1, 2))
    return (entropy + OVERLAP_WEIGHT * (1 - (overlap + 1) / (union + 1))).mean()
