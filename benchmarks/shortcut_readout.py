"""What `background_shortcut` reads out of a trained network, and its table."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from maskgen.challenge.scores import background_gap
from maskgen.challenge.variants import VARIANTS
from maskgen.trainers.datasets.images import Images, open_images
from maskgen.trainers.heads.head import Head, accuracies
from maskgen.trainers.heads.linear import train_heads
from maskgen.trainers.heads.protocols import Protocol
from maskgen.trainers.pretrained.encoder import load_encoder
from maskgen.trainers.probes.features import Extractor, InputTransform, default_share
from maskgen.trainers.probes.knn import knn_accuracy

KINDS = ("linear", "knn")
SHOWN = (*VARIANTS, "gap")
TIMES = ("train_s", "judge_s", "cpu_s")
LINEAR = Protocol(source="ours", epochs=40, lr=0.1, standardise=True)


def judged(work: Path, run: Path, seed: int, device: torch.device) -> dict[str, dict[str, float]]:
    """Accuracy in percent by readout and variant.

    Both readouts are fitted on the shards' photos as they are.
    """
    encoder = load_encoder(run, device)
    extractor = Extractor(encoder.network, device, threads=1 if device.type == "cpu" else 8)
    transform = InputTransform(side=encoder.view_px, share=default_share(encoder.view_px))

    def read(images: Images) -> tuple[Tensor, Tensor]:
        features = extractor.rows(images, np.arange(len(images)), transform)
        return features.to(device), torch.from_numpy(images.labels).to(device)

    bank, labels = read(open_images(work / "shards"))
    heads, standard = train_heads(
        lambda _: bank, labels, LINEAR, lrs=[LINEAR.lr], classes=int(labels.max()) + 1, seed=seed
    )
    found: dict[str, dict[str, float]] = {"linear": {}, "knn": {}}
    for variant in VARIANTS:
        test = read(open_images(work / "test" / variant / "val"))
        found["linear"][variant] = 100 * accuracies(Head(heads[LINEAR.lr], standard), *test)["top1"]
        found["knn"][variant] = 100 * knn_accuracy((bank, labels), test, ks=(20,))[20]
    return found


def report(found: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Lines: accuracies in percent, linear / kNN, mean ± deviation over the seeds.

    Then gains over ``none``, and times.

    gap is mixed_same - mixed_rand. A gain is the mean ± deviation of differences between runs of the same
    seed.

    Args:
        found: the finished cells by arm.
    """
    yield f"| linear / kNN | {' | '.join(VARIANTS)} | gap | seeds |"
    yield "|---" * (len(VARIANTS) + 3) + "|"
    for arm, cells in found.items():
        if cells:
            shown = (
                " / ".join(_spread([_value(c[kind], v) for c in cells]) for kind in KINDS) for v in SHOWN
            )
            yield f"| {arm} | {' | '.join(shown)} | {len(cells)} |"
    control = {cell["seed"]: cell for cell in found.get("none", [])}
    for arm, cells in found.items():
        pairs = [(cell, control[cell["seed"]]) for cell in cells if arm != "none" and cell["seed"] in control]
        for name in ("mixed_rand", "gap") if pairs else ():
            gains = [
                [_value(one[kind], name) - _value(other[kind], name) for one, other in pairs]
                for kind in KINDS
            ]
            yield f"{arm} - none, {name}: {' / '.join(map(_spread, gains))}"
    for arm, cells in found.items():
        if cells:
            yield f"{arm}: {', '.join(f'{n} {statistics.mean(c[n] for c in cells):.0f}' for n in TIMES)}"


def _value(accuracy: dict[str, float], name: str) -> float:
    if name == "gap":
        return background_gap(accuracy["mixed_same"], accuracy["mixed_rand"])
    return accuracy[name]


def _spread(values: list[float]) -> str:
    mean = f"{statistics.mean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean
