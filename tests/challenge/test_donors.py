"""Draws: what they may be, that they are even, and that they hang on seed, key and classes alone."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from maskgen.challenge.donors import Donors, draw

LABELS = dict(enumerate([4] * 6 + [9] * 3 + [1] * 2))
KEYS = {number: f"photo{number}" for number in LABELS}


def test_a_draw_is_the_hash_of_its_words() -> None:
    digest = hashlib.sha256(b"0\nmixed_rand\nn01440764_10026").hexdigest()
    assert draw(1000, 0, "mixed_rand", "n01440764_10026") == int(digest[:16], 16) % 1000


@pytest.mark.parametrize("seed", range(20))
def test_every_background_is_of_the_class_it_must_be_of_and_of_another_photo(seed: int) -> None:
    donors = Donors(KEYS, LABELS, seed)
    following = {1: 4, 4: 9, 9: 1}
    for number, label in LABELS.items():
        found = donors.mixed(number)
        assert number not in found.values()
        assert LABELS[found["mixed_same"]] == label
        assert LABELS[found["mixed_next"]] == following[label]


def test_classes_are_drawn_evenly_whatever_their_sizes_and_photos_within_them() -> None:
    draws = [Donors(KEYS, LABELS, seed).mixed(0) for seed in range(1500)]
    classes = Counter(LABELS[found["mixed_rand"]] for found in draws)
    same = Counter(found["mixed_same"] for found in draws)
    # Five deviations of a binomial law: 3 classes of 500 each, 5 other photos of 300 each.
    assert all(abs(classes[label] - 500) < 5 * (1500 * 2 / 9) ** 0.5 for label in (1, 4, 9))
    assert set(same) == {1, 2, 3, 4, 5}
    assert all(abs(count - 300) < 5 * (1500 * 4 / 25) ** 0.5 for count in same.values())


def test_draws_do_not_hang_on_the_order_of_the_photos() -> None:
    moved = {10 - number: key for number, key in KEYS.items()}
    other = Donors(moved, {10 - number: label for number, label in LABELS.items()}, 3)
    for number in KEYS:
        here = {name: KEYS[found] for name, found in Donors(KEYS, LABELS, 3).mixed(number).items()}
        assert here == {name: moved[found] for name, found in other.mixed(10 - number).items()}


def test_seeds_and_variants_draw_apart() -> None:
    rows = [tuple(Donors(KEYS, LABELS, seed).mixed(number).values()) for seed in (0, 1) for number in KEYS]
    assert rows[: len(KEYS)] != rows[len(KEYS) :]
    donors = Donors(KEYS, dict.fromkeys(KEYS, 4), 0)  # of one class all three draws are from the same photos
    assert any(len(set(donors.mixed(number).values())) > 1 for number in KEYS)
