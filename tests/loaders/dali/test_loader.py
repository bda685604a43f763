"""What the DALI loader gives beside pictures, and what it refuses."""

from __future__ import annotations

import sys
from typing import Any

import pytest
import torch
from epochs import DONORS, make

from maskgen.errors import EnvironmentFault, UsageError


def test_labels_and_numbers(drawn: Any, builder: Any) -> None:
    for batch in make(drawn.path):
        labels = [drawn.by_key(key).label for key in batch["key"]]
        assert batch["label"].tolist() == labels
        assert [drawn.drawings[number].key for number in batch["sample"].tolist()] == batch["key"]
    unlabelled = builder(samples=5, labelled=False, options={"background": "none"})
    assert torch.cat([batch["label"] for batch in make(unlabelled.path, 1)]).tolist() == [-1] * 5


def test_parts_that_nobody_asked_for_are_none(drawn: Any) -> None:
    batch = next(iter(make(drawn.path)))
    absent = ("masks", "cam_masks", "weak", "masked", "negative", "negative_source", "matched")
    assert [batch[name] for name in absent] == [None] * 7  # type: ignore[literal-required]


def test_it_is_what_lightning_asks_of_a_train_dataloader(drawn: Any) -> None:
    """A length that iteration keeps, iterable again, stateful; Lightning saves state_dict with its
    checkpoints.
    """
    loader = make(drawn.path)
    for epoch in range(2):
        loader.set_epoch(epoch)
        assert sum(1 for _ in loader) == len(loader) == 5
    assert iter(loader) is not loader
    other = make(drawn.path)
    other.load_state_dict(loader.state_dict())


def test_data_set_without_a_member_that_is_needed(builder: Any) -> None:
    sidecar = builder(samples=3, options={"layout": "sidecar"})
    with pytest.raises(UsageError, match="sidecar"):
        make(sidecar.path, 1)
    bare = builder(samples=3, options={"background": "none"})
    make(bare.path, 1)
    with pytest.raises(UsageError, match=r"bg\.jpg"):
        make(bare.path, 1, recipe=(DONORS,))
    with pytest.raises(UsageError, match="tiled"):
        make(bare.path, 1, tile=True)


def test_data_set_without_samples_is_refused(builder: Any) -> None:
    built = builder(samples=2, failed=(0, 1))
    with pytest.raises(UsageError, match="0 samples"):
        make(built.path)


@pytest.mark.slow
@pytest.mark.parametrize(
    "values",
    [
        {"batch_size": 0},
        {"threads": 0},
        {"device": "cuda:0"},
        {"prefetch": 0},
        {"output": "int8"},
        {"last": "x"},
        {"on_error": "ignore"},
        {"rank": 1},
    ],
)
def test_options_out_of_range(drawn: Any, values: dict[str, Any]) -> None:
    options = {"batch_size": 2, **values}
    with pytest.raises(UsageError, match="out of range"):
        make(drawn.path, **options)


@pytest.mark.parametrize("missing", ["nvidia.dali", "torch"])
def test_missing_library_is_named_with_its_remedy(
    drawn: Any, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(EnvironmentFault) as caught:
        make(drawn.path)
    assert missing in str(caught.value)
    assert 'pip install "maskgen[train]"' in caught.value.remedy
    assert caught.value.exit_code == 3


def test_no_gpu_here_is_an_error_of_the_environment(drawn: Any) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(EnvironmentFault, match="no GPU"):
        make(drawn.path, device="cuda")
