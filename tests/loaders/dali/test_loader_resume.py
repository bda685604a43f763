"""The DALI loader goes on from a saved state with the batches that were to come."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest
import torch
from epochs import FULL, equal, make

from maskgen.errors import UsageError
from maskgen.loaders import View


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_resume_at_any_step_gives_the_batches_that_were_to_come(drawn: Any, seed: int) -> None:
    through = make(drawn.path, 3, recipe=FULL, seed=seed)
    batches, states = [], [through.state_dict()]
    for _ in range(2):
        for batch in through:
            batches.append(batch)
            states.append(through.state_dict())
    for done in random.Random(seed).sample(range(len(batches)), 4):
        resumed = make(drawn.path, 3, recipe=FULL, seed=99)
        resumed.load_state_dict(states[done])
        rest = list(itertools.islice(itertools.chain(resumed, resumed), len(batches) - done))
        assert all(map(equal, rest, batches[done:]))
        assert resumed.state_dict() == states[-1]


def test_set_epoch_with_the_loaded_epoch_keeps_the_step(drawn: Any) -> None:
    first = make(drawn.path)
    epoch = iter(first)
    next(epoch)
    state, rest = first.state_dict(), list(epoch)
    second = make(drawn.path)
    second.load_state_dict(state)
    second.set_epoch(0)
    assert all(map(equal, list(second), rest))


@pytest.mark.slow
def test_resume_on_another_number_of_ranks(drawn: Any) -> None:
    """The same global batches, row by row; a plain view does not depend on its neighbors in the batch."""
    recipe = (View(size=24),)
    alone = make(drawn.path, 6, recipe=recipe)
    epoch = iter(alone)
    next(epoch)
    state, rest = alone.state_dict(), list(epoch)
    for world in (2, 3, 6):
        ranks = [make(drawn.path, 6 // world, recipe=recipe, rank=r, world=world) for r in range(world)]
        for loader in ranks:
            loader.load_state_dict(state)
        for one, parts in zip(rest, zip(*ranks, strict=True), strict=True):
            assert one["key"] == [key for part in parts for key in part["key"]]
            assert torch.equal(one["views"][0], torch.cat([part["views"][0] for part in parts]))
            assert torch.equal(one["boxes"], torch.cat([part["boxes"] for part in parts]))


@pytest.mark.slow
def test_a_state_that_does_not_fit_is_refused(drawn: Any, builder: Any) -> None:
    loader = make(drawn.path, 4)
    next(iter(loader))
    state = loader.state_dict()
    with pytest.raises(UsageError, match="global batch"):
        make(drawn.path, 3).load_state_dict(state)
    with pytest.raises(UsageError, match="another data set"):
        make(builder(samples=21).path).load_state_dict(state)
    with pytest.raises(UsageError, match="no state"):
        loader.load_state_dict({"epoch": 1})


def test_an_iteration_that_gave_nothing_begins_no_new_epoch_and_loses_no_place(drawn: Any) -> None:
    """Lightning makes an iterator for a look before the one that it uses, and calls set_epoch in between."""
    loader, wanted = make(drawn.path), make(drawn.path)
    first = [batch["key"] for batch in wanted]
    iter(loader)
    epoch = iter(loader)
    assert [next(epoch)["key"], next(epoch)["key"]] == first[:2]
    resumed = make(drawn.path)
    resumed.load_state_dict(loader.state_dict())
    iter(resumed)
    resumed.set_epoch(0)
    assert [batch["key"] for batch in resumed] == first[2:]
