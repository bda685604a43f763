"""An open data set: numbers, keys, places and orders agree with one another and with the tars."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maskgen.loaders import open_dataset


def test_threshold_of_binary_masks_is_the_middle_of_the_stored_values(builder: Any) -> None:
    soft = open_dataset(builder(samples=2, options={"threshold": 0.25}).path)
    hard = open_dataset(builder(samples=2, options={"threshold": 0.25, "binary": True}).path)
    assert (soft.level, hard.level) == (64, 128)


def test_numbers_keys_and_places_agree(drawn: Any) -> None:
    dataset = open_dataset(drawn.path)
    numbers = np.arange(dataset.samples)
    assert dataset.keys(numbers) == [drawing.key for drawing in drawn.drawings]
    for number in numbers.tolist():
        shard, row = dataset.locate(number)
        assert shard.first + row == number
        assert shard.keys[row].decode() == drawn.drawings[number].key
        for column in range(len(dataset.members)):
            assert shard.place(row, column) == (shard.offsets[row, column], shard.sizes[row, column])
    for outside in (-1, 21):
        with pytest.raises(IndexError):
            dataset.locate(outside)


def test_orders_of_an_open_data_set(drawn: Any) -> None:
    everything = np.arange(21)
    for shuffle, name in (("global", "global"), ("shards", "shards:16"), ("shards:2", "shards:2")):
        dataset = open_dataset(drawn.path, shuffle=shuffle)
        order = dataset.order(4, 1)
        assert order.name == name
        assert sorted(order[everything].tolist()) == everything.tolist()
        assert (order[everything] == open_dataset(drawn.path, shuffle=shuffle).order(4, 1)[everything]).all()
        assert (order[everything] != dataset.order(4, 2)[everything]).any()


@pytest.mark.slow
def test_fingerprint_is_of_the_content_not_of_the_place(drawn: Any, copy: Any, builder: Any) -> None:
    assert open_dataset(drawn.path).fingerprint == open_dataset(copy.path).fingerprint
    assert open_dataset(builder(samples=22, seed=1).path).fingerprint != open_dataset(copy.path).fingerprint


def test_shard_of_quarantined_images_only_between_others(builder: Any) -> None:
    """It has a table and no tar; numbers go on behind it."""
    dataset = open_dataset(builder(samples=9, shard_size=3, failed=(3, 4, 5)).path, shuffle="shards:1")
    assert dataset.firsts.tolist() == [0, 3, 6]
    assert dataset.keys(np.array([2, 3])) == ["s0002", "s0006"]
    assert sorted(dataset.order(0, 0)[np.arange(6)].tolist()) == list(range(6))
