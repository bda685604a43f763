"""The order of the DALI loader: each sample once an epoch, shared by ranks, and a function of seed and
epoch.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
from epochs import FULL, equal, keys, make

from maskgen.errors import UsageError


@pytest.mark.slow
@pytest.mark.parametrize("batch_size", [1, 4, 7, 21, 64])
def test_each_sample_once_in_each_of_three_epochs(drawn: Any, batch_size: int) -> None:
    loader = make(drawn.path, batch_size, last="partial")
    orders = []
    for _ in range(3):
        batches = list(loader)
        assert len(batches) == len(loader)
        assert [len(batch["key"]) for batch in batches[:-1]] == [batch_size] * (len(loader) - 1)
        assert batches[-1]["views"][0].shape == (len(batches[-1]["key"]), 3, 32, 32)
        assert sorted(keys(batches)) == [drawing.key for drawing in drawn.drawings]
        orders.append(keys(batches))
    assert orders[0] != orders[1] != orders[2] != orders[0]


def test_drop_leaves_out_what_fills_no_batch(drawn: Any) -> None:
    loader = make(drawn.path, 8)
    assert len(loader) == 2
    assert len(set(keys(list(loader)))) == 16


@pytest.mark.slow
@pytest.mark.parametrize("last", ["drop", "pad", "partial"])
@pytest.mark.parametrize("world", [2, 3, 5])
def test_ranks_share_an_epoch_and_make_equal_steps(drawn: Any, world: int, last: str) -> None:
    ranks = [make(drawn.path, 4, rank=rank, world=world, last=last) for rank in range(world)]
    for _ in range(2):
        epochs = [list(loader) for loader in ranks]
        assert {len(epoch) for epoch in epochs} == {len(ranks[0])}
        seen = Counter(key for epoch in epochs for key in keys(epoch))
        if last == "partial":
            assert set(seen.values()) == {1}
        if last != "drop":
            assert len(seen) == 21
        assert last == "pad" or max(seen.values()) == 1


@pytest.mark.slow
def test_a_rank_without_samples_gets_an_empty_batch(builder: Any) -> None:
    path = builder(samples=5, shard_size=5).path
    loaders = [make(path, 2, recipe=FULL, rank=rank, world=4, last="partial") for rank in range(4)]
    sizes = [[len(batch["key"]) for batch in loader] for loader in loaders]
    assert [len(size) for size in sizes] == [1] * 4
    assert sorted(itertools.chain(*sizes)) == [1, 1, 1, 2]
    few = [make(path, 4, recipe=FULL, rank=rank, world=8, last="partial") for rank in range(8)]
    batches = [next(iter(loader)) for loader in few]
    assert sorted(len(batch["key"]) for batch in batches) == [0, 0, 0, 1, 1, 1, 1, 1]
    empty = next(batch for batch in batches if not batch["key"])
    assert empty["views"][0].shape == (0, 3, 32, 32)
    assert empty["views"][1].shape == (0, 3, 24, 24)
    assert (empty["boxes"].shape, empty["label"].shape) == ((0, 2, 4), (0,))


@pytest.mark.slow
def test_same_seed_same_batches(drawn: Any) -> None:
    one, two, other = (make(drawn.path, recipe=FULL, seed=seed) for seed in (5, 5, 6))
    for _ in range(2):
        assert all(map(equal, list(one), list(two)))
    assert not equal(next(iter(other)), next(iter(make(drawn.path, recipe=FULL, seed=5))))


@pytest.mark.slow
@pytest.mark.parametrize("prefetch", [1, 2, 5])
def test_prefetch_changes_nothing(drawn: Any, prefetch: int) -> None:
    one, two = make(drawn.path, recipe=FULL, prefetch=2), make(drawn.path, recipe=FULL, prefetch=prefetch)
    assert all(map(equal, list(one), list(two)))


@pytest.mark.slow
def test_left_epoch_is_followed_by_a_whole_new_one(drawn: Any) -> None:
    loader, undisturbed = make(drawn.path, last="partial"), make(drawn.path, last="partial")
    left = iter(loader)
    next(left)
    second = list(loader)
    list(undisturbed)
    assert all(map(equal, second, list(undisturbed)))
    assert list(left) == [], "the iterator of the left epoch has ended"


@pytest.mark.slow
def test_set_epoch_chooses_the_order(drawn: Any) -> None:
    loader, other = make(drawn.path), make(drawn.path)
    epochs = [list(loader) for _ in range(3)]
    for number in (2, 0, 1, 1):
        other.set_epoch(number)
        assert all(map(equal, list(other), epochs[number]))
    with pytest.raises(UsageError, match="out of range"):
        other.set_epoch(-1)
