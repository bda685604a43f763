"""The trainings in their order: for each prior its rounds, then the fusion; what each learns from, what each leaves."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from maskgen.pipelines.deepusps import priors
from maskgen.pipelines.deepusps.presets import CUT_AT, Phase, Preset

FUSION = "fusion"


def labels_of(prior: str, number: int) -> str:
    """Name of the (N, S, S) uint8 labels in the store that round `number`, from 1, of a prior leaves."""
    return f"labels/{prior}/{number}"


@dataclass(frozen=True, slots=True)
class Training:
    """One phase as it is run.

    Args:
        name: of its record.
        words: for people.
        phase: epochs, learning rate and the rest.
        labels: arrays of the store that it learns from.
        thresholds: at which they are cut, in [0, 1].
        leaves: array that its running average becomes; empty for the fusion.
    """

    name: str
    words: str
    phase: Phase
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    leaves: str = ""

    def seed(self, seed: int) -> int:
        """This phase's own seed: no two phases see the photos in one order."""
        digest = hashlib.sha256(f"{seed}\0{self.name}".encode()).digest()
        return int.from_bytes(digest[:4], "little") >> 1


def of_rounds(preset: Preset, means: dict[str, float]) -> list[Training]:
    """The rounds of all priors.

    Args:
        preset: of the training.
        means: of each prior's maps over all photos, in [0, 1].
    """
    return [
        _round(preset, prior, number, means[prior])
        for prior in preset.priors
        for number in range(1, len(preset.rounds) + 1)
    ]


def _round(preset: Preset, prior: str, number: int, mean: float) -> Training:
    first = number == 1
    return Training(
        f"{prior}-round-{number}",
        f"{prior}, round {number} of {len(preset.rounds)}",
        preset.rounds[number - 1],
        (priors.array_of(prior) if first else labels_of(prior, number - 1),),
        (preset.threshold_of(prior, mean) if first else CUT_AT,),
        labels_of(prior, number),
    )


def of_fusion(preset: Preset, means: dict[str, float]) -> Training:
    """The training on the last labels of all priors at once; on the cut priors when there are no rounds."""
    last = len(preset.rounds)
    if last:
        labels = tuple(labels_of(prior, last) for prior in preset.priors)
        thresholds = (CUT_AT,) * len(labels)
    else:
        labels = tuple(priors.array_of(prior) for prior in preset.priors)
        thresholds = tuple(preset.threshold_of(prior, means[prior]) for prior in preset.priors)
    return Training(FUSION, "fusion", preset.fusion, labels, thresholds)
