"""Counts of a set's parts to the figures that papers print."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean

from maskgen.challenge.scores import background_gap

from .judges import Counts

Figures = dict[str, float | None]
ALEXNET = {
    "gaussian_noise": 0.886428,
    "shot_noise": 0.894468,
    "impulse_noise": 0.922640,
    "defocus_blur": 0.819880,
    "glass_blur": 0.826268,
    "motion_blur": 0.785948,
    "zoom_blur": 0.798360,
    "snow": 0.866816,
    "frost": 0.826572,
    "fog": 0.819324,
    "brightness": 0.564592,
    "contrast": 0.853204,
    "elastic_transform": 0.646056,
    "pixelate": 0.717840,
    "jpeg_compression": 0.606500,
}
"""AlexNet's mean error on each corruption, as google-research/augmix (Apache-2.0) has them, imagenet.py."""
SEVERITIES = ("1", "2", "3", "4", "5")


def accuracy(counts: Counts, name: str = "top1") -> float:
    """Share that is right, in [0, 1]; of none it is 0."""
    return counts[name] / counts["images"] if counts["images"] else 0.0


def plain_figures(parts: Mapping[str, Counts]) -> Figures:
    """``top1`` of the only part and what else it counted; of several, ``top1`` of each and their mean.

    Example:
        >>> from maskgen.trainers.evaluations.robust.scores import plain_figures
        >>> plain_figures({"": {"images": 4, "top1": 3, "top5": 4}})
        {'top1': 0.75, 'top5': 1.0}
    """
    if len(parts) == 1:
        (counts,) = parts.values()
        return {name: accuracy(counts, name) for name in ("top1", "top5") if name in counts}
    each: Figures = {f"top1_{name}": accuracy(counts) for name, counts in parts.items()}
    return {"top1": mean(map(accuracy, parts.values())), **each}


def corruption_figures(parts: Mapping[str, Counts]) -> Figures:
    """ImageNet-C's: ``top1``, the mean accuracy over corruptions and severities, and ``mce``.

    mCE = mean over corruptions c of sum_s E(c, s) / sum_s E_AlexNet(c, s), in percent: 100 is AlexNet.

    Source: Hendrycks, Dietterich: Benchmarking Neural Network Robustness to Common Corruptions and
    Perturbations, ICLR 2019, https://arxiv.org/abs/1903.12261, section 3.2. No deviation. RELICv2 prints the
    mean accuracy.

    Args:
        parts: by ``CORRUPTION/SEVERITY``; ``mce`` is None unless all fifteen and their five severities are
            there.
    """
    names = [name for name in ALEXNET if all(f"{name}/{severity}" in parts for severity in SEVERITIES)]
    each = {name: mean(accuracy(parts[f"{name}/{severity}"]) for severity in SEVERITIES) for name in names}
    errors = [(1 - right) / ALEXNET[name] for name, right in each.items()]
    figures: Figures = {"top1": mean(map(accuracy, parts.values()))}
    figures["mce"] = 100 * mean(errors) if len(names) == len(ALEXNET) else None
    return figures | {f"top1_{name}": right for name, right in each.items()}


def background_figures(parts: Mapping[str, Counts]) -> Figures:
    """ImageNet-9's: the accuracy on each variant, and ``bg_gap``, see `background_gap`.

    Args:
        parts: by variant; ``bg_gap`` is None unless ``mixed_same`` and ``mixed_rand`` are there.
    """
    figures: Figures = {name: accuracy(counts) for name, counts in parts.items()}
    there = {"mixed_same", "mixed_rand"} <= parts.keys()
    gap = background_gap(*(accuracy(parts[n]) for n in ("mixed_same", "mixed_rand"))) if there else None
    return {**figures, "bg_gap": gap}


def shape_figures(parts: Mapping[str, Counts]) -> Figures:
    """``shape_bias``, the share of shapes among the answers that are shape or texture, and the share of each.

    Example:
        >>> from maskgen.trainers.evaluations.robust.scores import shape_figures
        >>> shape_figures({"": {"images": 8, "shape": 1, "texture": 3}})
        {'shape_bias': 0.25, 'shape': 0.125, 'texture': 0.375}
    """
    (counts,) = parts.values()
    either = counts["shape"] + counts["texture"]
    bias = counts["shape"] / either if either else None
    return {"shape_bias": bias, "shape": accuracy(counts, "shape"), "texture": accuracy(counts, "texture")}
