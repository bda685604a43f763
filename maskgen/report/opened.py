"""Masks that are opened for what no table says: how many pieces, and all of a plain map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from ..evaluation.folder import pictures
from ..evaluation.pairs import HALF, MaskEntry
from ..evaluation.reading import Blob, read_levels
from ..io.storage.location import Location
from ..processes.threads import map_threads
from ..shards.confidence import mask_confidence
from ..shards.coverage import foreground_box, foreground_share, small_mask
from ..shards.sample import cut_level
from ..types import HardMask
from .sample import Findings, Sample, touched_sides
from .shard_set import Survey, draw_numbers
from .tally import Tally

SMALLEST = 0.0005
"""Share of the photo from which on a piece of the foreground counts as one."""
READERS = 8
"""Threads that read masks: most of them wait for a disk or a store."""


def count_pieces(hard: HardMask) -> int:
    """How many pieces the foreground of an (H, W) bool mask has; pixels that touch at a corner are together.

    Pieces of less than `SMALLEST` of the photo are left out.

    Example:
        >>> import numpy as np
        >>> from maskgen.report.opened import count_pieces
        >>> count_pieces(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 0, 0]], bool))
        2
    """
    _, _, stats, _ = cv2.connectedComponentsWithStats(
        np.ascontiguousarray(hard).view(np.uint8), None, None, None, 8
    )
    least = max(1, math.ceil(SMALLEST * hard.size))
    return int((stats[1:, cv2.CC_STAT_AREA] >= least).sum())


def find_pieces(samples: Sequence[Sample], level: int, findings: Findings) -> None:
    """Count the pieces of some masks.

    Args:
        samples: those with a mask of shards or of a folder.
        level: the smallest value, 1..255, that counts as foreground.
        findings: where the numbers go.

    Raises:
        UsageError, ShardFault: a mask cannot be read.
    """
    new = [sample for sample in samples if sample.key not in findings.pieces]
    counts = map_threads(lambda sample: count_pieces(read_levels(sample.entry.mask) >= level), new, READERS)
    for sample, count in zip(new, counts, strict=True):
        findings.pieces[sample.key] = count


def survey_maps(folder: Location, most: int, seed: int, sheet: int, wanted: set[str]) -> Survey:
    """Look into the maps of a plain folder, at most so many of them.

    Args:
        folder: of PNG and JPEG maps.
        most: maps that are opened.
        seed: by which they are drawn where there are more.
        sheet: samples of each ranking.
        wanted: names of maps that are kept for themselves.

    Raises:
        UsageError: no map in it, or one cannot be read.
    """
    maps = pictures(folder)
    names, level = list(maps), cut_level(HALF)
    chosen = draw_numbers(len(names), most, seed)
    survey = Survey(Tally(sheet), len(names), level)
    kept = dict[int, Sample]()
    order = sorted(chosen)
    found = map_threads(
        lambda name: open_map(name, maps[name], level), [names[number] for number in order], READERS
    )
    for number, sample in zip(order, found, strict=True):
        survey.tally.add(number, sample.coverage, sample.confidence, sample.sides, partial(_itself, sample))
        kept[number] = sample
    survey.drawn = [kept[number] for number in chosen]
    survey.wanted = list(
        map_threads(lambda name: open_map(name, maps[name], level), sorted(wanted & set(names)), READERS)
    )
    return survey


def _itself(sample: Sample) -> Sample:
    return sample


def open_map(name: str, blob: Blob, level: int) -> Sample:
    """A plain map as a sample; its confidence is that of masks of which no more is known.

    Raises:
        UsageError: it cannot be read as a gray map.
    """
    levels = read_levels(blob)
    hard = levels >= level
    size = (int(hard.shape[0]), int(hard.shape[1]))
    return Sample(
        MaskEntry((name,), blob),
        blob.file,
        size,
        foreground_share(hard),
        mask_confidence(small_mask(levels), level, "", binary=_is_binary(levels)),
        touched_sides(foreground_box(hard), size),
    )


def _is_binary(levels: NDArray[np.uint8]) -> bool:
    return bool(((levels == 0) | (levels == 255)).all())
