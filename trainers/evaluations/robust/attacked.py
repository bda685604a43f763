"""Accuracy under attack: by kind of attack, by strength, over several random starts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from maskgen.errors import UsageError
from maskgen.processes.signals import StopSignals
from maskgen.trainers.heads.head import load_head
from maskgen.trainers.pretrained.encoder import load_encoder
from maskgen.trainers.probes.setup import ProbeConfig
from maskgen.trainers.probes.tasks import head_input

from ..frozen import write_result
from ..parts import Parts, Say
from .attacks import STEPS, fgsm, pgd
from .classes import HeadClasses
from .classifier import PARTS, Classifier
from .judges import ByClass
from .sets.kinds import KINDS
from .sets.parts import Part, Request

ATTACKS = ("fgsm", "pgd")
_CHUNK = 500
"""Photos in a part that is kept."""


@dataclass(frozen=True, kw_only=True)
class AttackConfig:
    """What is asked of which classifier.

    Args:
        probe: the checkpoint and how it is fed; ``data`` are the photos, laid out as ImageNet's validation
            photos.
        head: a linear.safetensors; or ``own``, the checkpoint's own classifier.
        names: a file of the head's classes; None: as the head says, or ImageNet's thousand.
        attacks: of `ATTACKS`.
        epsilons: strengths, in 255ths.
        steps: of PGD.
        seeds: random starts of PGD, from 0 on.
        photos: how many are attacked, evenly taken; 0: all.
        partial: whether a part of the validation photos will do.
    """

    probe: ProbeConfig
    head: str
    names: Path | None = None
    attacks: Sequence[str] = ATTACKS
    epsilons: Sequence[float] = (2, 4, 8, 16)
    steps: int = STEPS
    seeds: int = 3
    photos: int = 0
    partial: bool = False


def run_attack(config: AttackConfig, *, say: Say, stop: StopSignals | None = None) -> dict[str, Any]:
    """Accuracy of a classifier on attacked photos, in attack.json; called again, it goes on where it was.

    Args:
        config: what is asked.
        say: told how far it is.
        stop: asked between parts.

    Returns:
        ``clean``, and by ``ATTACK_EPSILON`` the accuracy of each seed, their mean and its standard error.

    Raises:
        MaskgenError: the backbone, the head or the photos cannot be read, or do not belong together.
        Interrupted: a signal asked for it.
    """
    probe = config.probe
    encoder = load_encoder(probe.checkpoint, probe.device, probe.backbone, seed=probe.seed)
    head = load_head(config.head, encoder, probe.device)
    classifier = Classifier(encoder, head, head_input(probe, head, say), config.head)
    classes = HeadClasses.of(head, config.names)
    request = Request(folder=Path(probe.data), classes=classes, partial=config.partial)
    part = some_photos(KINDS["val"].open(request)[""], config.photos)
    runs = [("clean", 0.0, 0)] + [
        (attack, epsilon, seed)
        for attack in config.attacks
        for epsilon in config.epsilons
        for seed in range(config.seeds if attack == "pgd" else 1)
    ]
    asked = {**classifier.facts(KINDS["val"]), "precision": "fp32", "data": part.mark, "steps": config.steps}
    shares = {run: _share(run, classifier, part, asked, say, stop) for run in runs}
    figures: dict[str, Any] = {"clean": shares["clean", 0.0, 0]}
    for attack in config.attacks:
        for epsilon in config.epsilons:
            found = [share for (name, much, _), share in shares.items() if (name, much) == (attack, epsilon)]
            figures[f"{attack}_{epsilon:g}"] = summary(found)
    result = {**asked, "photos": len(part.images), "figures": figures}
    write_result(probe.output / "attack.json", result)
    return result


def summary(shares: Sequence[float]) -> dict[str, Any]:
    """Accuracies of several seeds: ``mean``, its standard error ``sem`` (None of one), and ``seeds``.

    Example:
        >>> from maskgen.trainers.evaluations.robust.attacked import summary
        >>> summary([0.5])
        {'mean': 0.5, 'sem': None, 'seeds': [0.5]}
    """
    error = stdev(shares) / len(shares) ** 0.5 if len(shares) > 1 else None
    return {"mean": mean(shares), "sem": error, "seeds": list(shares)}


def some_photos(part: Part, count: int) -> Part:
    """Photos evenly taken, all for a count of 0."""
    whole = len(part.images)
    rows = np.unique(np.linspace(0, whole - 1, min(count or whole, whole)).round().astype(np.int64))
    return Part(part.images.take(rows), ByClass(labels_of(part)[rows]))


def labels_of(part: Part) -> NDArray[np.int64]:
    """The right output of each photo, (N,) int64.

    Raises:
        UsageError: none or several are right.
    """
    if not isinstance(part.judge, ByClass):
        raise UsageError("photos without one class each cannot be attacked", remedy="give labeled photos")
    return part.judge.labels


def _share(
    run: tuple[str, float, int],
    classifier: Classifier,
    part: Part,
    asked: dict[str, Any],
    say: Say,
    stop: StopSignals | None,
) -> float:
    """The accuracy of one attack, one strength and one seed."""
    attack, epsilon, seed = run

    def right(name: str) -> dict[str, NDArray[np.bool_]]:
        start = int(name.rpartition("-")[2])
        rows = np.arange(start, min(start + _CHUNK, len(part.images)))
        return {"right": np.concatenate(list(_right(run, classifier, part, rows, asked["steps"])))}

    title = attack if attack == "clean" else f"{attack}-{epsilon:g}-{seed}"
    names = [f"{title}-{start:05d}" for start in range(0, len(part.images), _CHUNK)]
    question = [asked, attack, epsilon, seed]
    parts = Parts(classifier.config.output / PARTS, question, lambda text: say(f"{title}: {text}"), stop)
    return float(np.concatenate([one["right"] for one in parts.compute(names, right)]).mean())


def _right(
    run: tuple[str, float, int], classifier: Classifier, part: Part, rows: NDArray[np.int64], steps: int
) -> Iterator[NDArray[np.bool_]]:
    """Which of some photos are known after the attack, batch by batch."""
    attack, epsilon, seed = run
    device, truth = classifier.config.device, labels_of(part)
    for some in np.array_split(rows, -(-len(rows) // classifier.config.batch_size)):
        pixels = classifier.pixels(part.images, some)
        labels = torch.from_numpy(truth[some]).to(device)
        if attack == "fgsm":
            pixels = fgsm(classifier.of_pixels, pixels, labels, epsilon / 255)
        elif attack == "pgd":
            start = random_starts(some, seed, pixels)
            pixels = pgd(classifier.of_pixels, pixels, labels, epsilon / 255, start=start, steps=steps)
        with torch.no_grad():
            yield (classifier.of_pixels(pixels).argmax(1) == labels).cpu().numpy()


def random_starts(rows: NDArray[np.int64], seed: int, pixels: Tensor) -> Tensor:
    """(B, 3, S, S) uniform in [-1, 1], a function of the seed and each photo's number alone."""
    shape = tuple(pixels.shape[1:])
    drawn = [np.random.default_rng([seed, row]).uniform(-1, 1, shape) for row in rows.tolist()]
    return torch.from_numpy(np.stack(drawn)).float().to(pixels.device)
