"""A run's shards: labels and class names from the tables, batches that divide, the loader that is chosen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from maskgen.errors import UsageError
from maskgen.loaders.dataset.labels import read_labels
from maskgen.trainers.data.shards import (
    chosen_loader,
    count_classes,
    open_data,
    open_loader,
    rank_batch,
)
from maskgen.trainers.presets import find_preset, with_overrides
from maskgen.trainers.settings import Settings

SIMSIAM = replace(find_preset("simsiam", "smoke"), batch_size=8)


def settings(shards: Path, **values: Any) -> Settings:
    return Settings(data=str(shards), output=shards / "unused", **{"loader": "torch", **values})


def test_labels_come_from_the_tables(shards: Path) -> None:
    dataset = open_data(settings(shards))
    labels = read_labels(dataset)
    assert count_classes(dataset) == 3
    names = [key.split("_")[0] for key in dataset.keys(torch.arange(54).numpy())]
    assert [["astronaut", "cat", "coffee"][label] for label in labels] == names


def test_a_run_trains_on_the_part_of_the_shards_that_it_is_told(shards: Path) -> None:
    """`--sample-seed` draws, not `--seed`."""
    chosen = settings(shards, sample=12, sample_by="classes", sample_seed=1)
    dataset = open_data(chosen)
    assert sorted(read_labels(dataset).tolist()) == [0] * 4 + [1] * 4 + [2] * 4
    assert open_data(replace(chosen, seed=5)).fingerprint == dataset.fingerprint
    assert open_data(replace(chosen, sample_seed=2)).fingerprint != dataset.fingerprint


def test_a_batch_that_does_not_divide_is_refused(shards: Path) -> None:
    how = settings(shards, accumulate=3)
    with pytest.raises(UsageError, match="does not divide by 1 ranks x 3 parts"):
        open_loader(open_data(how), SIMSIAM, how, rank=0, world=1)


@pytest.mark.parametrize(
    ("method", "changes", "accumulate", "told"),
    [
        ("mocov2", {"bn_groups": "19"}, 1, "bn_groups is 19, but a batch of 18 allows 18 at most"),
        ("cast", {"bn_groups": "7"}, 3, "bn_groups is 7, but a batch of 18, in 3 parts allows 6 at most"),
        ("relicv2", {"negatives": "18"}, 1, "negatives is 18, but a batch of 18 allows 17 at most"),
        ("relicv2", {"negatives": "9"}, 2, "negatives is 9, but a batch of 18, in 2 parts allows 8 at most"),
    ],
)
def test_more_than_the_batch_holds_is_refused_and_the_most_is_taken(
    method: str, changes: dict[str, str], accumulate: int, told: str, shards: Path
) -> None:
    how, smoke = settings(shards, accumulate=accumulate), find_preset(method, "smoke")
    with pytest.raises(UsageError) as caught:
        rank_batch(with_overrides(smoke, {"batch_size": "18", **changes}), how, 1)
    assert str(caught.value).startswith(told)
    name, most = next(iter(changes)), int(told.split()[-3])
    assert f"--set {name}={most} or less" in caught.value.remedy
    assert rank_batch(with_overrides(smoke, {"batch_size": "18", name: str(most)}), how, 1) == 18
    assert rank_batch(replace(SIMSIAM, negatives=10, bn_groups=9), settings(shards), 1) == 8


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["torch", "dali"])
def test_both_loaders_share_out_an_epoch_among_ranks(kind: str, shards: Path) -> None:
    how = settings(shards, loader=kind, threads=1)
    assert chosen_loader(how) == kind
    seen = []
    for rank in (0, 1):
        loader = open_loader(open_data(how), SIMSIAM, how, rank=rank, world=2)
        assert len(loader) == 54 // 8
        batches = list(loader)
        loader.close()
        assert {len(batch["label"]) for batch in batches} == {4}
        assert [view.shape[-1] for view in batches[0]["views"]] == [32, 32]
        seen += [key for batch in batches for key in batch["key"]]
    assert len(seen) == len(set(seen)) == 48


def test_without_a_wish_dali_is_taken_where_it_is(shards: Path) -> None:
    pytest.importorskip("nvidia.dali")
    assert chosen_loader(settings(shards, loader="auto")) == "dali"
