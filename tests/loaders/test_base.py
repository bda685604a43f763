"""Epochs and resuming, as a trainer of another project asks for them: a loader is Lightning's
`train_dataloader`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from maskgen.loaders import DaliLoader, Dataset, Recipe, TorchLoader, View, open_dataset

torch = pytest.importorskip("torch", reason="views are torch tensors")

TINY = Recipe(views=(View(size=8),))


@pytest.fixture
def shards(builder: Any) -> Path:
    path: Path = builder(samples=26, shard_size=9).path
    return path


@pytest.fixture(params=["dali", "torch"])
def kind(request: pytest.FixtureRequest) -> type[DaliLoader | TorchLoader]:
    if request.param == "torch":
        return TorchLoader
    pytest.importorskip("nvidia.dali", reason="this is the loader with DALI")
    return DaliLoader


def fit(
    dataset: Dataset, kind: Any, epochs: range, *, stop: int = -1, state: Any = None
) -> tuple[list[list[int]], Any]:
    """What Lightning 2 does with a `train_dataloader`: it asks for an iterator once to see that there is one,
    restores
    a state, iterates as many steps as the length says, and asks again for each later epoch. Returns the
    samples of each step, and the state when it stopped."""
    loader = kind(dataset, 4, recipe=TINY, seed=3)
    loader.set_epoch(epochs[0])
    iter(loader)
    if state is not None:
        loader.load_state_dict(state)
    iterator = iter(loader)
    seen: list[list[int]] = []
    for epoch in epochs:
        if epoch != epochs[0]:
            iterator = iter(loader)
        done = 0 if state is None or epoch != epochs[0] else state["samples_done"] // 4
        for _ in range(len(loader) - done):
            seen.append(next(iterator)["sample"].tolist())
            if len(seen) == stop:
                return seen, loader.state_dict()
        assert next(iterator, None) is None
    return seen, loader.state_dict()


@pytest.mark.slow
def test_lightning_gets_whole_epochs_and_exact_resumes(shards: Path, kind: Any) -> None:
    dataset = open_dataset(shards)
    straight, _ = fit(dataset, kind, range(3))
    assert len(straight) == 3 * 6
    for epoch in range(3):
        assert len({sample for step in straight[6 * epoch : 6 * epoch + 6] for sample in step}) == 24
    assert straight[:6] != straight[6:12]
    begun, state = fit(dataset, kind, range(3), stop=8)
    assert begun == straight[:8]
    assert fit(dataset, kind, range(1, 3), state=state)[0] == straight[8:]
    assert fit(dataset, kind, range(1, 3))[0] == straight[6:], "a checkpoint at an epoch's end holds no state"


@pytest.mark.slow
def test_set_epoch_chooses_an_epoch(shards: Path, kind: Any) -> None:
    dataset = open_dataset(shards)
    loader = kind(dataset, 4, recipe=TINY, seed=3)
    epochs = [[batch["sample"].tolist() for batch in loader] for _ in range(3)]
    loader.set_epoch(1)
    assert [batch["sample"].tolist() for batch in loader] == epochs[1]
    assert [batch["sample"].tolist() for batch in loader] == epochs[2]
