"""The trainings in their order: for each prior its rounds, then the fusion.

What each learns from, what each leaves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ..data import priors
from ..settings.presets import CUT_AT, Phase, Preset

FUSION = "fusion"
ALL = "all"


def labels_of(preset: Preset, prior: str, number: int) -> str:
    """Name of the (N, S, S) uint8 labels in the store that round `number`, from 1, leaves for a prior."""
    return f"labels/{ALL}/{number}/{prior}" if preset.joint else f"labels/{prior}/{number}"


@dataclass(frozen=True, slots=True)
class ScheduledPhase:
    """One phase as it is run.

    Args:
        name: of its record.
        words: for people.
        phase: epochs, learning rate and the rest.
        labels: arrays of the store that it learns from.
        thresholds: at which they are cut, in [0, 1].
        after: the round before, whose record may leave photos out; empty: there is none.
        leaves: arrays that its running average becomes: one, or in a joint round one per prior; none for the
            fusion.
    """

    name: str
    words: str
    phase: Phase
    labels: tuple[str, ...]
    thresholds: tuple[float, ...]
    leaves: tuple[str, ...] = ()
    after: str = ""

    @property
    def group(self) -> str:
        """The prior that a round is of, or ``all``."""
        return self.name.partition("-round-")[0]

    def seed(self, seed: int) -> int:
        """This phase's own seed: no two phases see the photos in one order."""
        digest = hashlib.sha256(f"{seed}\0{self.name}".encode()).digest()
        return int.from_bytes(digest[:4], "little") >> 1


def schedule_rounds(preset: Preset, means: dict[str, float]) -> list[ScheduledPhase]:
    """The rounds: those of each prior in turn, or joint ones.

    Args:
        preset: of the training.
        means: of each prior's maps over all photos, in [0, 1].
    """
    groups = {ALL: preset.priors} if preset.joint else {prior: (prior,) for prior in preset.priors}
    return [
        _round(preset, group, names, number, means)
        for group, names in groups.items()
        for number in range(1, len(preset.rounds) + 1)
    ]


def _round(
    preset: Preset, group: str, names: tuple[str, ...], number: int, means: dict[str, float]
) -> ScheduledPhase:
    return ScheduledPhase(
        round_name(group, number),
        f"{group}, round {number} of {len(preset.rounds)}",
        preset.rounds[number - 1],
        *labels_after(preset, names, number - 1, means),
        tuple(labels_of(preset, prior, number) for prior in names),
        round_name(group, number - 1),
    )


def round_name(group: str, number: int) -> str:
    """Name of a round's record; empty for number 0."""
    return f"{group}-round-{number}" if number else ""


def labels_after(
    preset: Preset, names: tuple[str, ...], done: int, means: dict[str, float]
) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """The label arrays of these priors after `done` rounds, and where each is cut, in [0, 1].

    Args:
        preset: of the training.
        names: of priors.
        done: how many rounds; 0: the arrays are the priors' maps.
        means: of each prior's maps over all photos, in [0, 1]; for 0 rounds alone.
    """
    if done:
        return tuple(labels_of(preset, prior, done) for prior in names), (CUT_AT,) * len(names)
    arrays = tuple(priors.array_of(prior) for prior in names)
    return arrays, tuple(preset.threshold_of(prior, means[prior]) for prior in names)


def schedule_fusion(preset: Preset, means: dict[str, float]) -> ScheduledPhase:
    """The training on the last labels of all priors at once; on the cut priors when there are no rounds."""
    return ScheduledPhase(
        FUSION,
        "fusion",
        preset.fusion,
        *labels_after(preset, preset.priors, len(preset.rounds), means),
        after=round_name(ALL, len(preset.rounds)) if preset.joint else "",
    )
