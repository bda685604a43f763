"""Many pairs evaluated by a pool of processes; the result depends neither on their number nor on the order of files."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import combinations, repeat
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import EnvironmentFault, UsageError
from ..processes.lifetime import worker_environment
from .measures import Measures, level_values, measure
from .pairs import Pair
from .reading import Blob, read_map, read_truth

_CHUNK = 8  # pairs per task; fixed, because the sums of curves are added chunk by chunk


@dataclass(frozen=True, slots=True)
class Settings:
    """How pairs are evaluated.

    Args:
        cuts: for each mask set, the smallest level that counts as foreground for IoU.
        normalise: stretch each map to its own minimum and maximum first.
        skip_empty: leave out pairs whose truth has no foreground; else they are an error.
    """

    cuts: tuple[int, ...]
    normalise: bool = False
    skip_empty: bool = False


class Score(NamedTuple):
    """One pair: its measures in each mask set, and how far the sets' maps are apart.

    Args:
        name: the truth's name.
        size: (height, width) of the truth, px.
        measures: one for each mask set.
        disagreement: mean absolute difference of two sets' maps, over all pixels and pairs of sets; 0 for one set.
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
        EnvironmentFault: a worker process died.
    """
    chunks = [pairs[start : start + _CHUNK] for start in range(0, len(pairs), _CHUNK)]
    scores: list[Score] = []
    empty: list[str] = []
    total = np.zeros((len(settings.cuts), 4, 256))
    for part in _parts(chunks, settings, min(workers, len(chunks))):
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


def _parts(chunks: Sequence[Sequence[Pair]], settings: Settings, workers: int) -> Iterator[_Part]:
    if workers <= 1:
        yield from map(_evaluate_chunk, chunks, repeat(settings))
        return
    context = multiprocessing.get_context("spawn")
    with worker_environment(), ProcessPoolExecutor(workers, context, initializer=_start) as pool:
        try:
            with _deaf_children():
                parts = pool.map(_evaluate_chunk, chunks, repeat(settings))
            yield from parts
        except BrokenProcessPool as error:
            raise EnvironmentFault(
                "a worker process died", cause="too little memory", remedy="run again with fewer --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


@contextlib.contextmanager
def _deaf_children() -> Iterator[None]:
    """Processes started here never see Ctrl-C, not even while they import: it is the parent's to answer."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start() -> None:
    cv2.setNumThreads(1)
    threading.Thread(target=_die_with_parent, daemon=True).start()


def _die_with_parent() -> None:
    """A killed parent leaves the pool's queue open, so its children would wait for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


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
            measure(m, truth, c, normalise=settings.normalise)
            for m, c in zip(maps, settings.cuts, strict=True)
        ]
        part.curves[...] += np.array([one.curves for one in scored])
        size = (int(truth.shape[0]), int(truth.shape[1]))
        apart = disagreement(maps, normalise=settings.normalise)
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


def disagreement(maps: Sequence[NDArray[np.uint8]], *, normalise: bool = False) -> float:
    """Mean absolute difference of two maps, in [0, 1], over all pixels and pairs of maps; 0 for a single one."""
    values = [level_values(levels, normalise=normalise)[levels] for levels in maps]
    apart = [float(np.abs(a - b).mean()) for a, b in combinations(values, 2)]
    return sum(apart) / len(apart) if apart else 0.0
