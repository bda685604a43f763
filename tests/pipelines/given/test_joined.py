"""`maskgen run --method files` with the masks of other photos stops before it has made anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from maskgen.errors import UsageError
from maskgen.pipelines import Outcome, run

pytestmark = pytest.mark.slow


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Thirty photos in shards of two, and a mask for one of them, which is not in the first shard."""
    for folder in ("photos", "masks", "others"):
        (tmp_path / folder).mkdir()
    for number in range(30):
        photo = np.full((20, 30, 3), 8 * number, np.uint8)
        cv2.imwrite(str(tmp_path / f"photos/{number:02}.jpg"), photo)
    for name in ("others/x", "masks/22"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((20, 30), 255, np.uint8))
    return tmp_path


def make(place: Path, given: str, **options: Any) -> Outcome:
    values = {"dataset": "folder", "input": place / "photos", "output": place / "shards", "method": "files"}
    return run(**{**values, "masks": place / given, "workers": 1, "shard_size": 2, **options})


def test_masks_of_other_photos_are_refused_and_the_folder_is_free_for_the_right_ones(place: Path) -> None:
    with pytest.raises(UsageError, match=r"not those of these photos.*\n.*none of 16 photos.*path 00\.jpg"):
        make(place, "others")
    assert not (place / "shards").exists() or not list((place / "shards").glob("*.json"))
    assert make(place, "masks", max_failures="29").manifest.samples == 1


def test_one_mask_among_those_looked_for_is_enough(place: Path) -> None:
    assert make(place, "masks").exit_code == 1, "over the budget, but run to its end"


@pytest.mark.parametrize(("options", "samples"), [({"missing": "empty"}, 30), ({"max_failures": "100%"}, 0)])
def test_who_allows_for_photos_without_masks_gets_a_note(
    options: dict[str, str], samples: int, place: Path
) -> None:
    outcome = make(place, "others", **options)
    assert outcome.manifest.samples == samples
    assert f"none of 16 photos drawn from the whole plan has a mask in {place / 'others'}" in outcome.notes
