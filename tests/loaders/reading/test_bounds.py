"""Which meta could have been written for a data set, against a slow oracle and case by case."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from maskgen.io.images.stored import MAX_PIXELS
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.bounds import Bounds, bounds_of
from maskgen.shards.meta import META

BOUNDS = Bounds(version=4, max_pixels=20_000, max_side=500, store="patch", background_side=0)
HUGE = 2**31 - 1


def meta(**fields: Any) -> np.ndarray[Any, Any]:
    found = np.zeros(1, META)
    given = {"version": 4, "size": (100, 150), "fg_box": (10, 20, 60, 90), "free_box": (60, 0, 100, 150)}
    more = {"label": 4, "fg_area_ppm": 200_000, "bg_box": (5, 15, 65, 95), "confidence_ppm": 640_000}
    for name, value in {**given, **more, **fields}.items():
        found[name] = value
    return found


GOOD: dict[str, dict[str, Any]] = {
    "as written": {},
    "no label": {"label": -1},
    "no confidence": {"confidence_ppm": 0},
    "full confidence": {"confidence_ppm": 1_000_000},
    "no foreground": {"fg_box": 0, "fg_area_ppm": 0, "bg_box": (0, 0, 16, 16)},
    "no free rectangle": {"free_box": 0},
    "all foreground": {"fg_box": (0, 0, 100, 150), "fg_area_ppm": 1_000_000, "bg_box": (0, 0, 100, 150)},
}
BAD: dict[str, dict[str, Any]] = {
    "version before": {"version": 2},
    "version behind": {"version": 5},
    "no height": {"size": (0, 150)},
    "negative size": {"size": (-100, -150)},
    "too many pixels": {"size": (150, 150)},
    "too long a side": {"size": (501, 20), "fg_box": 0, "free_box": 0, "bg_box": (0, 0, 16, 16)},
    "size that overflows": {"size": (65_536, 65_536)},
    "largest size": {"size": (HUGE, HUGE)},
    "foreground reversed": {"fg_box": (60, 90, 10, 20)},
    "foreground outside": {"fg_box": (10, 20, 101, 90)},
    "foreground line": {"fg_box": (10, 20, 10, 90)},
    "free rectangle negative": {"free_box": (-1, 0, 100, 150)},
    "free rectangle huge": {"free_box": (0, 0, HUGE, HUGE)},
    "label": {"label": -2},
    "area negative": {"fg_area_ppm": -(2**31)},
    "area above one": {"fg_area_ppm": 1_000_001},
    "confidence unknown": {"confidence_ppm": -1},
    "confidence above one": {"confidence_ppm": 1_000_001},
    "background nowhere": {"bg_box": 0},
    "background reversed": {"bg_box": (65, 95, 5, 15)},
    "background a line": {"bg_box": (5, 15, 65, 15)},
    "background outside": {"bg_box": (5, 15, 65, 151)},
    "background far away": {"bg_box": (HUGE - 9, HUGE - 9, HUGE, HUGE)},
}


@pytest.mark.parametrize("name", GOOD)
def test_what_stage_one_writes_holds(name: str) -> None:
    assert BOUNDS.hold(meta(**GOOD[name])).tolist() == [True]


@pytest.mark.parametrize("name", BAD)
def test_what_it_never_writes_does_not(name: str) -> None:
    assert BOUNDS.hold(np.concatenate([meta(), meta(**BAD[name]), meta()])).tolist() == [True, False, True]


def test_samples_of_older_formats_have_no_confidence() -> None:
    old = replace(BOUNDS, version=3)
    found = [bool(old.hold(meta(version=3, confidence_ppm=ppm))[0]) for ppm in (-1, 0, 640_000, -2)]
    assert found == [True, False, False, False]


def test_a_whole_background_covers_the_photo_and_none_lies_nowhere() -> None:
    boxes = [(0, 0, 100, 150), (5, 15, 65, 95), (0, 0, 0, 0)]
    for store, right in (("full", 0), ("none", 2)):
        bounds = replace(BOUNDS, store=store)
        found = [bool(bounds.hold(meta(bg_box=box))[0]) for box in boxes]
        assert found == [place == right for place in range(3)]


def holds_slowly(numbers: list[int], bounds: Bounds) -> bool:
    """The rules of the format page in Python's own integers."""
    version, height, width, *rest = numbers
    fg, free, (label, area), bg = rest[:4], rest[4:8], rest[8:10], rest[10:14]

    def inside(box: list[int]) -> bool:
        return 0 <= box[0] < box[2] <= height and 0 <= box[1] < box[3] <= width

    return (
        version == bounds.version
        and min(height, width) > 0
        and max(height, width) <= bounds.max_side
        and height * width <= bounds.max_pixels
        and all(inside(box) or box == [0, 0, 0, 0] for box in (fg, free))
        and inside(bg)
        and label >= -1
        and 0 <= area <= 1_000_000
        and 0 <= rest[14] <= 1_000_000
    )


def test_random_changes_are_judged_as_by_the_oracle() -> None:
    rng = np.random.default_rng(0)
    values = np.repeat(meta(), 20_000).view("<i4").reshape(-1, 18)
    odd = np.array([-(2**31), -1, 0, 1, 50, 100, 101, 150, 151, 500, 65_536, HUGE], np.int32)
    for _ in range(2):
        rows, columns = np.arange(len(values)), rng.integers(0, 18, len(values))
        values[rows, columns] = odd[rng.integers(0, len(odd), len(values))]
    expected = [holds_slowly(numbers, BOUNDS) for numbers in values.tolist()]
    assert 100 < sum(expected) < len(expected) - 100
    assert BOUNDS.hold(values.copy().view(META)[:, 0]).tolist() == expected


def test_the_manifest_states_the_bounds_but_not_above_those_of_all_data_sets(drawn: Any) -> None:
    whole = open_dataset(drawn.path).manifest
    assert bounds_of(whole) == Bounds(4, 64_000_000, 32_768, "full", 0)
    for value in (10**12, -1, "many", None, True):
        options = {**whole.identity["options"], "max_pixels": value}
        forged = replace(whole, identity={**whole.identity, "options": options})
        assert bounds_of(forged).max_pixels == MAX_PIXELS
    assert MAX_PIXELS < 16_000**2


def test_the_size_of_a_background_follows_its_place() -> None:
    (row,) = meta()
    assert BOUNDS.picture_size("jpg", row) == (100, 150)
    assert BOUNDS.picture_size("bg.jpg", row) == (60, 80)
    assert replace(BOUNDS, background_side=50).picture_size("bg.jpg", row) == (30, 40)
