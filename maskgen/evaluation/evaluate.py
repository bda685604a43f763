"""Many pairs evaluated by a pool of processes.

The result depends neither on their number nor on the order of files.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import combinations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import EnvironmentFault, ImageFault, MaskgenError, UsageError
from ..processes.supervisor import map_in_order
from .measures import Measures, level_values, measure
from .pairs import Pair
from .reading import Blob, read_map, read_truth

_CHUNK = 8  # pairs per task; fixed, because the sums of curves are added chunk by chunk


@dataclass(frozen=True, slots=True)
class Settings:
    """How pairs are evaluated.

    Args:
        cuts: for each mask set, the smallest level that counts as foreground for IoU.
        normalize: stretch each map to its own minimum and maximum first.
        skip_empty: leave out pairs whose truth has no foreground; else they are an error.
    """

    cuts: tuple[int, ...]
    normalize: bool = False
    skip_empty: bool = False


class Score(NamedTuple):
    """One pair: its measures in each mask set, and how far the sets' maps are apart.

    Args:
        name: the truth's name.
        size: (height, width) of the truth, px.
        measures: one for each mask set.
        disagreement: mean absolute difference of two sets' maps, over all pixels and pairs of sets; 0 for one
            set.
    """

    name: str
    size: tuple[int, int]
    measures: tuple[Measures, ...]
    disagreement: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All pairs.

    Args:
        scores: in the pairs' order.
        empty: names of the pairs left out because their truth is empty.
        curves: (sets, 4, 256) float64, the mean precision, recall, F and E at each level.
    """

    scores: tuple[Score, ...]
    empty: tuple[str, ...]
    curves: NDArray[np.float64]


class _Part(NamedTuple):
    scores: list[Score]
    empty: list[str]
    curves: NDArray[np.float64]


def evaluate(
    pairs: Sequence[Pair], settings: Settings, workers: int = 1, tick: Callable[[int], None] = lambda _: None
) -> Evaluation:
    """Hold every mask of every pair against its truth.

    Args:
        pairs: sorted by name.
        settings: one cut for each mask of a pair.
        workers: processes; 1 works in this one.
        tick: called with the number of finished pairs.

    Raises:
        UsageError: a file cannot be read, a mask has another aspect ratio than its truth, a truth is empty.
        ShardFault: a mask of a shard is damaged.
        SourceFault: a COCO segmentation is not as it should be.
        EnvironmentFault: a worker process died, twice on the same images.
    """
    chunks = [pairs[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK)]
    scores: list[Score] = []
    empty: list[str] = []
    total = np.zeros((len(settings.cuts), 4, 256))
    with contextlib.closing(_parts(chunks, settings, min(workers, len(chunks)))) as parts:
        for part in parts:
            scores += part.scores
            empty += part.empty
            total += part.curves
            tick(len(scores) + len(empty))
    if not scores:
        raise UsageError(
            f"none of the {len(empty)} truths has any foreground",
            cause="masks of 0 and 1 instead of 0 and 255, or annotations without instances",
            remedy="mend the truths",
        )
    return Evaluation(tuple(scores), tuple(empty), total / len(scores))


def _parts(
    chunks: Sequence[Sequence[Pair]], settings: Settings, workers: int
) -> Generator[_Part, None, None]:
    task = partial(_evaluate_chunk, settings=settings)
    if workers <= 1:
        yield from map(task, chunks)
        return
    with contextlib.closing(map_in_order(task, chunks, workers, timeout_s=math.inf)) as parts:
        for chunk, part in zip(chunks, parts, strict=True):
            if isinstance(part, ImageFault):
                raise _without_result(chunk, part)
            yield part


def _without_result(chunk: Sequence[Pair], fault: ImageFault) -> MaskgenError:
    """The error of pairs that kill their worker, or that cannot be measured.

    Means without them would mislead.
    """
    where = f"{chunk[0].name} to {chunk[-1].name}"
    if fault.reason == "crash":
        return EnvironmentFault(
            "a worker process died twice on the same images",
            where=where,
            cause="too little memory",
            remedy="run again with fewer --workers",
        )
    return MaskgenError(
        "the images cannot be measured",
        where=where,
        cause=str(fault),
        remedy="open these files: leave out what is no mask or truth",
    )


def _evaluate_chunk(pairs: Sequence[Pair], settings: Settings) -> _Part:
    part = _Part([], [], np.zeros((len(settings.cuts), 4, 256)))
    for pair in pairs:
        truth, ignored = read_truth(pair.truth)
        if not truth.any():
            _check_skipped(pair, settings)
            part.empty.append(pair.name)
            continue
        maps = [read_map(entry.mask, (truth.shape[0], truth.shape[1]), pair.truth) for entry in pair.entries]
        for levels in maps:
            levels[ignored] = 0
        scored = [
            measure(m, truth, c, normalize=settings.normalize)
            for m, c in zip(maps, settings.cuts, strict=True)
        ]
        part.curves[...] += np.array([one.curves for one in scored])
        size = (int(truth.shape[0]), int(truth.shape[1]))
        apart = disagreement(maps, normalize=settings.normalize)
        part.scores.append(Score(pair.name, size, tuple(one.measures for one in scored), apart))
    return part


def _check_skipped(pair: Pair, settings: Settings) -> None:
    if settings.skip_empty:
        return
    truth = pair.truth
    raise UsageError(
        "a truth has no foreground",
        where=str(truth) if isinstance(truth, Blob) else truth.where,
        cause="no value above 128: an empty mask, or one of 0 and 1 instead of 0 and 255"
        if isinstance(truth, Blob)
        else "no instance in this image, or only crowds",
        remedy="mend it, or leave such images out with --skip-empty",
    )


def disagreement(maps: Sequence[NDArray[np.uint8]], *, normalize: bool = False) -> float:
    """Mean absolute difference of (H, W) uint8 maps, in [0, 1], over pixels and pairs of maps; 0 for one."""
    values = [level_values(levels, normalize=normalize)[levels] for levels in maps]
    apart = [float(np.abs(a - b).mean()) for a, b in combinations(values, 2)]
    return sum(apart) / len(apart) if apart else 0.0
