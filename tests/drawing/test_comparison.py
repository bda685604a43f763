"""Which pairs a comparison shows, and what stands in a row."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.drawing.comparison import find_photo, make_row, pick_disputed, titles
from maskgen.drawing.contact_sheet import CELL
from maskgen.errors import UsageError
from maskgen.evaluation.evaluate import Evaluation, Score
from maskgen.evaluation.pairs import MaskEntry, Pair, Pairing
from maskgen.evaluation.reading import Blob


def picture(path: Path, level: int) -> Blob:
    image = np.zeros((40, 80), np.uint8)
    image[:, 40:] = level
    cv2.imwrite(str(path), image)
    return Blob(str(path), name=path.name)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    truth = picture(tmp_path / "truth.png", 255)
    entries = tuple(MaskEntry((name,), picture(tmp_path / f"{name}.png", 100)) for name in ("one", "two"))
    return Pair("bird", truth, entries)


def test_the_most_disputed_pairs_come_first_and_equals_by_name(pair: Pair) -> None:
    disputes = {"b": 0.2, "a": 0.2, "c": 0.5, "d": 0.1}
    pairs = tuple(Pair(name, pair.truth, ()) for name in sorted(disputes))
    scores = tuple(Score(name, (1, 1), (), far) for name, far in disputes.items())
    evaluation = Evaluation(scores, (), np.zeros((0, 4, 256)))
    found = pick_disputed(evaluation, Pairing(pairs, (), ()), 3)
    assert [(one.name, far) for one, far in found] == [("c", 0.5), ("a", 0.2), ("b", 0.2)]


def test_a_photo_is_found_by_the_pairs_name_then_by_its_masks(pair: Pair) -> None:
    photos = {name: Blob(f"{name}.jpg") for name in ("two", "one", "bird")}
    assert find_photo(pair, photos) == Blob("bird.jpg")
    del photos["bird"]
    assert find_photo(pair, photos) == Blob("one.jpg")
    with pytest.raises(UsageError, match="no photo of this name"):
        find_photo(pair, {"cat": Blob("cat.jpg")})


def test_without_a_folder_of_photos_the_shards_own_is_taken(pair: Pair) -> None:
    assert find_photo(pair, {}) is None
    with_photo = pair.entries[1]._replace(photo=Blob("shard.tar", 512, 9))
    assert find_photo(Pair("bird", pair.truth, (pair.entries[0], with_photo)), {}) == with_photo.photo


def test_a_row_is_truth_and_maps_at_the_sheets_size(pair: Pair, tmp_path: Path) -> None:
    row = make_row(pair, 0.25, None)
    assert row.key == "bird  0.250"
    assert [one.shape for one in row.pictures] == [(CELL // 2, CELL, 3)] * 3
    assert [int(one[5, -5, 0]) for one in row.pictures] == [255, 100, 100]
    assert not any(one[5, 5].any() for one in row.pictures)
    photo = tmp_path / "photo.jpg"
    cv2.imwrite(str(photo), np.full((40, 80, 3), (0, 0, 200), np.uint8))
    first = make_row(pair, 0.25, Blob(str(photo))).pictures[0]
    assert first[10, 10, 0] > 190
    assert first[10, 10, 2] < 10
    assert len(titles(["a", "b"], photo=True)) == 4
    assert titles(["a", "b"], photo=False) == ("truth", "a", "b")
