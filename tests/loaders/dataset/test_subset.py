"""Subsets of shards: the order, the ranks and a saved state are of the subset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from photo_folders import expected, in_tars, originals, read_all, write_originals, write_sidecar

from maskgen.errors import UsageError
from maskgen.loaders import MaskReader, Subset, TorchLoader, open_dataset
from maskgen.loaders.reading.samples import SampleReader


def keys_of(dataset: Any) -> list[str]:
    found: list[str] = dataset.keys(np.arange(dataset.samples))
    return found


def loader(path: Path, subset: Subset, *, rank: int = 0, world: int = 1, size: int = 4) -> TorchLoader:
    dataset = open_dataset(path, subset=subset)
    return TorchLoader(dataset, size, recipe="plain", seed=7, rank=rank, world=world)


def test_the_samples_are_those_drawn_in_their_old_order(drawn: Any) -> None:
    whole = keys_of(open_dataset(drawn.path))
    part = open_dataset(drawn.path, subset=Subset(sample=8, seed=1))
    chosen = keys_of(part)
    assert len(chosen) == part.samples == 8
    assert chosen == [key for key in whole if key in chosen]
    assert [shard.first for shard in part.shards] == part.firsts[:-1].tolist()
    numbers = np.arange(8)
    meta = SampleReader(part).small(numbers).meta
    assert [tuple(size) for size in meta["size"].tolist()] == [drawn.by_key(key).size for key in chosen]
    assert sorted(part.order(0, 0)[numbers].tolist()) == numbers.tolist()
    assert (
        open_dataset(drawn.path, subset=Subset(sample=21)).fingerprint == open_dataset(drawn.path).fingerprint
    )


def test_classes_come_from_the_tables(drawn: Any, tmp_path: Path) -> None:
    part = open_dataset(drawn.path, subset=Subset(sample=9, by="classes"))
    labels = [drawn.by_key(key).label for key in keys_of(part)]
    everything = [one.label for one in drawn.drawings]
    assert set(labels) == set(everything)
    assert max(labels.count(one) for one in labels) - min(labels.count(one) for one in labels) <= 1
    names = tmp_path / "names"
    names.write_text("s0003\ns0020\n")
    assert keys_of(open_dataset(drawn.path, subset=Subset(keys=names))) == ["s0003", "s0020"]
    path = MaskReader(drawn.path).record("s0020")["source"]
    names.write_text(f"./{path}\n")
    assert keys_of(open_dataset(drawn.path, subset=Subset(keys=names))) == ["s0020"]
    names.write_text("s0009\n")  # is in quarantine
    with pytest.raises(UsageError, match="s0009"):
        open_dataset(drawn.path, subset=Subset(keys=names))


def test_ranks_share_it_and_a_state_resumes_it_exactly(drawn: Any) -> None:
    subset = Subset(sample=16, seed=2)
    one = loader(drawn.path, subset)
    epoch = [batch["key"] for batch in one]
    assert sorted(key for keys in epoch for key in keys) == sorted(keys_of(one.dataset))
    one.set_epoch(0)
    running = iter(one)
    next(running)
    state = one.state_dict()
    rest = [[], []]
    for rank in range(2):
        again = loader(drawn.path, subset, rank=rank, world=2, size=2)
        again.load_state_dict(state)
        rest[rank] = [batch["key"] for batch in again]
        again.close()
    assert [left + right for left, right in zip(*rest, strict=True)] == epoch[1:]
    with pytest.raises(UsageError, match="another data set"):
        loader(drawn.path, Subset(sample=16, seed=3)).load_state_dict(state)
    one.close()


def test_sidecar_shards_join_the_photos_of_the_subset_only(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    write_originals(tmp_path / "o", photos)
    shards = write_sidecar(tmp_path / "s", photos)
    names = tmp_path / "names"
    names.write_text("p011\np002\n")
    kept = [photos[2], photos[11]]
    found = read_all(shards, tmp_path / "o", subset=Subset(keys=names), check_hashes=True)
    assert found == expected(kept)
