"""The masks held against those of another method, and against truths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UsageError
from ..evaluation import pairs
from ..evaluation.evaluate import Evaluation, evaluate
from ..evaluation.evaluate import Settings as EvaluationSettings
from ..evaluation.reading import Blob, read_levels
from ..io.images.encode import resize_mask
from ..processes.threads import map_threads
from ..types import HardMask
from .opened import READERS
from .sample import Findings, Sample, find_named
from .settings import Settings
from .shard_set import draw_numbers


@dataclass(frozen=True, slots=True)
class Truths:
    """An evaluation, and what it leaves out.

    Args:
        evaluation: of the pairs.
        pairs: there are, of which at most so many as the settings say were evaluated.
        without: truths without a mask.
    """

    evaluation: Evaluation
    pairs: int
    without: int


def hold_against_truth(settings: Settings, findings: Findings) -> Truths | None:
    """Evaluate the masks that have a truth; None where none was given.

    Args:
        settings: of the report.
        findings: where truths and intersections over union go, by the truths' names.

    Raises:
        UsageError: no mask has a truth, a file cannot be read.
        ShardFault: a mask of a shard is damaged.
    """
    if settings.truth is None:
        return None
    known = pairs.open_truths(settings.truth)
    masks = pairs.open_masks(settings.masks, names=known.keys())
    pairing = pairs.pair(known, [masks])
    pairs.require_pairs(pairing, [masks], settings.truth, allow_missing=True)
    chosen = sorted(draw_numbers(len(pairing.pairs), settings.opened, settings.seed))
    taken = [pairing.pairs[number] for number in chosen]
    evaluation = evaluate(taken, EvaluationSettings((masks.cut,), skip_empty=True), settings.workers)
    findings.truths = {pair.name: pair.truth for pair in taken}
    findings.truth = {score.name: score.measures[0].iou for score in evaluation.scores}
    return Truths(evaluation, len(pairing.pairs), len(pairing.lone_truths))


def hold_against_others(
    settings: Settings, samples: Sequence[Sample], level: int, findings: Findings
) -> None:
    """Compare masks with those of the same names in another set, if there is one.

    Args:
        settings: of the report.
        samples: the masks.
        level: the smallest value, 1..255, of theirs that counts as foreground.
        findings: where the other masks and the intersections over union go, by key.

    Raises:
        UsageError: none has a partner, or one cannot be read.
        ShardFault: a mask of a shard is damaged.
    """
    if settings.compare is None:
        return
    names = {name for sample in samples for name in sample.entry.names}
    others = pairs.open_masks(settings.compare, names=names)
    by_name = {name: entry.mask for entry in reversed(others.entries) for name in reversed(entry.names)}
    paired = [(sample, blob) for sample in samples if (blob := find_named(sample.entry, by_name))]
    if not paired:
        raise UsageError(
            "no mask has a partner in the other set",
            where=str(settings.compare),
            cause="masks pair by file stem, and by key where they are shards",
            remedy="give the masks of the same photos to --compare",
        )

    def agree(one: tuple[Sample, Blob]) -> float:
        return agreement(one[0].entry.mask, level, one[1], others.cut)

    for (sample, blob), share in zip(paired, map_threads(agree, paired, READERS), strict=True):
        findings.agreement[sample.key], findings.others[sample.key] = share, blob


def agreement(one: Blob, level: int, other: Blob, other_level: int) -> float:
    """Intersection over union of two masks, the second resized to the first.

    Args:
        one: a mask.
        level: the smallest value, 1..255, of it that counts as foreground.
        other: another mask.
        other_level: the same of it.

    Raises:
        UsageError, ShardFault: one cannot be read.
    """
    first = read_levels(one)
    second = resize_mask(read_levels(other), (first.shape[0], first.shape[1]))
    return intersection_over_union(first >= level, second >= other_level)


def intersection_over_union(one: HardMask, other: HardMask) -> float:
    """Of two (H, W) bool masks; 1 where both are empty.

    Example:
        >>> import numpy as np
        >>> from maskgen.report.comparing import intersection_over_union
        >>> intersection_over_union(np.array([[True, True]]), np.array([[True, False]]))
        0.5
    """
    either = int(np.count_nonzero(one | other))
    return int(np.count_nonzero(one & other)) / either if either else 1.0
