from __future__ import annotations

import csv
import io
from collections import Counter

import pytest

from maskgen.challenge.donors import Donors
from maskgen.challenge.pairs import Pair, find_classes, list_pairs, make_pairs
from maskgen.errors import UsageError

LABELS = dict(enumerate([3] * 1500 + [8] * 500 + [9] * 4))
DONORS = Donors({number: f"k{number:04d}" for number in LABELS}, LABELS, seed=0)
PAIRS = make_pairs(DONORS, (8, 3), bias=0.95)


def test_photos_are_dealt_and_biased_as_told() -> None:
    assert {LABELS[number] for number in PAIRS} == {3, 8}
    assert {one.y for number, one in PAIRS.items() if LABELS[number] == 8} == {0}
    groups = Counter((one.split, one.y, one.y == one.place) for one in PAIRS.values())
    for y, count in ((0, 500), (1, 1500)):
        whole = [groups[split, y, True] + groups[split, y, False] for split in range(3)]
        for split, share in enumerate((0.6, 0.2, 0.2)):
            assert abs(whole[split] - share * count) < 5 * (count * share * (1 - share)) ** 0.5
            own = 0.95 if split == 0 else 0.5
            error = 5 * (whole[split] * own * (1 - own)) ** 0.5
            assert abs(groups[split, y, True] - own * whole[split]) < error


def test_no_background_crosses_a_split_and_none_is_the_photos_own() -> None:
    for number, one in PAIRS.items():
        assert LABELS[one.donor] == (8, 3)[one.place]
        assert PAIRS[one.donor].split == one.split
        assert one.donor != number


def test_the_extremes_of_the_bias_leave_one_place_in_training() -> None:
    for bias, same in ((1.0, True), (0.0, False)):
        training = [one for one in make_pairs(DONORS, (3, 8), bias).values() if one.split == 0]
        assert {one.y == one.place for one in training} == {same}


def test_a_class_too_small_for_three_splits_is_named() -> None:
    with pytest.raises(UsageError, match=r"the class 9 has fewer than two photos for (train|val|test)"):
        make_pairs(DONORS, (3, 9), 0.95)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3", "takes two classes"),
        ("3,3", "takes two"),
        ("3,cat,dog", "takes two"),
        ("3,cot", "no class 'cot'"),
    ],
)
def test_other_than_two_classes_are_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_classes(text, {3: "3", 4: "cat", 5: "dog"})
    assert find_classes(" dog , 3", {3: "3", 4: "cat", 5: "dog"}) == (5, 3)


def test_the_list_has_the_columns_of_waterbirds() -> None:
    text = list_pairs({4: Pair(1, 2, 0, 7)}, {4: "a", 7: "b"}, {4: "val/dog/a.png"}).decode()
    assert list(csv.DictReader(io.StringIO(text))) == [
        {
            "img_id": "0",
            "img_filename": "val/dog/a.png",
            "y": "1",
            "split": "2",
            "place": "0",
            "place_filename": "b",
        }
    ]
