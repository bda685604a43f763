"""What both loaders take: folders, names and numbers, and what they answer to anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torchvision", reason="views are torch tensors")

from maskgen.errors import ShardFault, UsageError
from maskgen.loaders import RECIPES, DaliLoader, TorchLoader, View, open_dataset

TINY = (View(size=8),)


def epochs(loader: TorchLoader, count: int) -> list[list[list[int]]]:
    return [[batch["sample"].tolist() for batch in loader] for _ in range(count)]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [DaliLoader, TorchLoader])
@pytest.mark.parametrize("spell", [str, Path])
def test_a_folder_and_a_name_are_enough(drawn: Any, kind: Any, spell: Any) -> None:
    if kind is DaliLoader:
        pytest.importorskip("nvidia.dali")
    short = kind(spell(drawn.path), 4, recipe="simsiam")
    long = kind(open_dataset(drawn.path), 4, recipe=RECIPES["simsiam"], seed=0)
    one, other = next(iter(short)), next(iter(long))
    assert one["key"] == other["key"]
    assert all((a == b).all() for a, b in zip(one["views"], other["views"], strict=True))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"dataset": None}, "a data set is a folder or an address, not None"),
        ({"dataset": ["a", "b"]}, "a data set is a folder or an address"),
        ({"recipe": 5}, "a recipe is a name"),
        ({"recipe": "mocov3"}, "did you mean 'mocov2'"),
        ({"batch_size": "4"}, "batch_size must be a whole number, not '4'"),
        ({"batch_size": 4.0}, "batch_size must be a whole number"),
        ({"seed": "one"}, "seed must be a whole number"),
    ],
)
def test_another_type_is_answered_with_a_sentence(drawn: Any, arguments: dict[str, Any], said: str) -> None:
    given = {"dataset": drawn.path, "batch_size": 4, "recipe": TINY, **arguments}
    with pytest.raises(UsageError, match=said):
        TorchLoader(given.pop("dataset"), given.pop("batch_size"), **given)


def test_a_folder_that_is_no_data_set_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(ShardFault, match=r"no manifest\.json here"):
        TorchLoader(tmp_path, 4, recipe=TINY)


def test_numbers_of_numpy_are_numbers(drawn: Any) -> None:
    loader = TorchLoader(drawn.path, np.int64(4), recipe=TINY, seed=np.int64(3))
    assert (
        next(iter(loader))["sample"].tolist()
        == epochs(TorchLoader(drawn.path, 4, recipe=TINY, seed=3), 1)[0][0]
    )


def test_epochs_differ_and_set_epoch_brings_one_back(drawn: Any) -> None:
    loader = TorchLoader(drawn.path, 4, recipe=TINY, seed=1, last="partial")
    first, second = epochs(loader, 2)
    assert first != second
    everything = list(range(loader.dataset.samples))
    for epoch in (first, second):
        assert len(epoch) == len(loader)
        assert sorted(sample for batch in epoch for sample in batch) == everything
    loader.set_epoch(0)
    assert epochs(loader, 2) == [first, second]
    with pytest.raises(UsageError, match="epochs count from 0"):
        loader.set_epoch(-1)


def test_a_state_goes_on_behind_the_batches_that_were_handed_out(drawn: Any) -> None:
    whole = epochs(TorchLoader(drawn.path, 4, recipe=TINY, seed=1), 2)
    begun = TorchLoader(drawn.path, 4, recipe=TINY, seed=1)
    batches = iter(begun)
    next(batches), next(batches)
    resumed = TorchLoader(drawn.path, 4, recipe=TINY, seed=99)
    resumed.load_state_dict(begun.state_dict())
    assert epochs(resumed, 2) == [whole[0][2:], whole[1]]


def test_a_new_iteration_ends_the_one_before(drawn: Any) -> None:
    loader = TorchLoader(drawn.path, 4, recipe=TINY, seed=1)
    old = iter(loader)
    next(old)
    iter(loader)
    assert list(old) == []
    loader.close()
