"""Nearest neighbors on the variants of a challenge: how much of an accuracy rests on the backgrounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from maskgen.challenge.scores import background_gap
from maskgen.challenge.variants import VARIANTS
from maskgen.errors import UsageError

from ..datasets.classes import renumber_classes
from ..datasets.images import open_images
from .knn import knn_accuracy
from .setup import ProbeSetup


@dataclass(frozen=True, eq=False)
class Neighbors:
    """Who votes, and how.

    Args:
        bank: (N, D) features and (N,) int64 classes of the training images.
        ks: how many vote.
        temperature: of their weights.
    """

    bank: tuple[Tensor, Tensor]
    ks: Sequence[int]
    temperature: float


def judge_challenge(setup: ProbeSetup, neighbors: Neighbors, folder: Path) -> dict[str, Any]:
    """The accuracy on each variant of a challenge, by the same neighbors.

    Args:
        setup: of the probe; its training images are the neighbors.
        neighbors: their features.
        folder: with ``VARIANT/val/CLASS/...``, as `maskgen challenge` and ImageNet-9 have them.

    Returns:
        ``challenge``: by ``knn_K`` the accuracies from 0 to 1 by variant, and ``bg_gap``, see
        `background_gap`, where ``mixed_same`` and ``mixed_rand`` are there; ``variants``: the fingerprints of
        their images.

    Raises:
        UsageError: there is no variant, or it has classes that the training images lack.
    """
    there = [name for name in VARIANTS if (folder / name / "val").is_dir()]
    if not there:
        raise UsageError(
            "the folder holds no variant of a challenge",
            where=str(folder),
            cause=f"there is no {VARIANTS[0]}/val, nor another",
            remedy="give the folder that maskgen challenge made, with --write folders or both",
        )
    found: dict[str, dict[str, float]] = {f"knn_{k}": {} for k in neighbors.ks}
    marks = {}
    for name in there:
        place = folder / name / "val"
        images = renumber_classes(setup.train, open_images(place), str(place))
        marks[name] = images.fingerprint
        test = setup.features(images, whole=True), setup.labels(images, whole=True)
        right = knn_accuracy(neighbors.bank, test, ks=neighbors.ks, temperature=neighbors.temperature)
        for k, accuracy in right.items():
            found[f"knn_{k}"][name] = accuracy
    if {"mixed_same", "mixed_rand"} <= set(there):
        for each in found.values():
            each["bg_gap"] = background_gap(each["mixed_same"], each["mixed_rand"])
    return {"challenge": found, "variants": marks}
