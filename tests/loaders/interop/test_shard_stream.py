"""Streams: every sample once among ranks and workers, in an order of the seed and the epoch alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from maskgen.errors import UsageError
from maskgen.loaders import ShardDataset, ShardStream, open_dataset

torch = pytest.importorskip("torch")


def keys(stream: Any, workers: int = 0, **more: Any) -> list[str]:
    loader = torch.utils.data.DataLoader(stream, batch_size=None, num_workers=workers, **more)
    return [sample["key"] for sample in loader]


@pytest.fixture
def data(drawn: Any) -> ShardDataset:
    return ShardDataset(drawn.path, form="arrays")


def test_the_order_is_the_data_sets_own_for_the_seed_and_epoch(drawn: Any, data: ShardDataset) -> None:
    stream = ShardStream(data, seed=3, read_together=4)
    for epoch in (0, 1, 5):
        stream.set_epoch(epoch)
        order = open_dataset(drawn.path).order(3, epoch)[np.arange(21)]
        assert keys(stream) == [drawn.drawings[n].key for n in order]
    assert keys(ShardStream(data, shuffle=False)) == [drawing.key for drawing in drawn.drawings]


@pytest.mark.parametrize("world", [1, 2, 4])
def test_ranks_share_an_epoch_evenly(data: ShardDataset, world: int) -> None:
    parts = [ShardStream(data, seed=1, rank=rank, world=world) for rank in range(world)]
    found = [keys(part) for part in parts]
    assert [len(part) for part in found] == [len(part) for part in parts] == [21 // world] * world
    together = [key for part in found for key in part]
    assert len(set(together)) == len(together), "no sample twice"
    left_out = []
    for epoch in range(6):
        for part in parts:
            part.set_epoch(epoch)
        taken = {key for part in parts for key in keys(part)}
        left_out.append({sample["key"] for sample in data} - taken)
    assert all(len(left) == 21 % world for left in left_out)
    assert 21 % world == 0 or len(set.union(*left_out)) > 21 % world, "not always the same"


@pytest.mark.slow
@pytest.mark.parametrize("together", [1, 4, 50])
def test_workers_share_a_ranks_part(data: ShardDataset, together: int) -> None:
    stream = ShardStream(data, seed=2, rank=1, world=2, read_together=together)
    alone = keys(stream)
    assert sorted(keys(stream, workers=2)) == sorted(alone)


@pytest.mark.slow
def test_workers_that_are_kept_see_the_next_epoch(data: ShardDataset) -> None:
    stream = ShardStream(data, seed=2)
    loader = torch.utils.data.DataLoader(stream, batch_size=None, num_workers=1, persistent_workers=True)
    seen = []
    for epoch in range(3):
        stream.set_epoch(epoch)
        seen.append([sample["key"] for sample in loader])
    fresh = []
    for epoch in range(3):
        stream.set_epoch(epoch)
        fresh.append(keys(stream))
    assert seen == fresh
    assert seen[0] != seen[1] != seen[2]


def test_numbers_out_of_range_are_refused(data: ShardDataset) -> None:
    wrongs: list[dict[str, Any]] = [{"rank": 2, "world": 2}, {"world": 0}, {"rank": -1}, {"read_together": 0}]
    for wrong in wrongs:
        with pytest.raises(UsageError, match="out of range"):
            ShardStream(data, **wrong)
    with pytest.raises(UsageError, match="must be a whole number"):
        ShardStream(data).set_epoch(1.5)  # type: ignore[arg-type]
