"""Samples put in the place of broken ones: counted, spread, and the same whatever was read before."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import numpy as np
import pytest
from members import compare, contents

from maskgen.errors import ShardFault
from maskgen.loaders.dataset.dataset import Dataset
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.reading.samples import SampleReader


@pytest.fixture
def damaged(copy: Any) -> tuple[Dataset, Any]:
    """An open data set, and a function that overwrites bytes of a member: damage(sample, ext, at, data)."""
    dataset = open_dataset(copy.path)

    def damage(sample: int, ext: str, at: int, data: bytes) -> None:
        shard, row = dataset.locate(sample)
        offset, _ = shard.place(row, shard.members.index(ext))
        with dataset.tar(shard).open("r+b") as file:
            file.seek(offset + at)
            file.write(data)

    return dataset, damage


DAMAGE: dict[str, tuple[str, int, bytes]] = {
    "header": ("sat", -510, b"\xff"),
    "header of a photo": ("jpg", -412, b"\xff"),
    "checksum": ("fg", -512 + 150, b"9"),
    "table falls": ("sat", 2 * 33 * 16 + 20, b"\xff\xff"),
    "table has no frame": ("sat", 4, b"\x01"),
    "table ends elsewhere": ("sat", 2 * 33 * 33 - 2, b"\xfe\xff"),
    "version": ("meta", 0, b"\xff"),
    "height": ("meta", 4, b"\0\0\0\0"),
    "box outside": ("meta", 4 * 5, b"\xff\xff\xff\x7f"),
    "photo is no JPEG": ("jpg", 0, b"\0\0"),
}


@pytest.mark.parametrize("threads", [1, 3])
def test_skipped_samples_are_counted_and_replaced(damaged: Any, copy: Any, threads: int) -> None:
    dataset, damage = damaged
    known = contents(copy.path)
    for sample, (ext, at, data) in zip((2, 8, 11, 15), list(DAMAGE.values())[::3], strict=True):
        damage(sample, ext, at, data)
    reader = SampleReader(dataset, ("jpg",), on_error="skip", threads=threads)
    taken = reader.take(np.arange(21), ("jpg",))
    assert set(reader.broken) == {2, 8, 11, 15}
    assert reader.skipped == 4
    untouched = [n for n in range(21) if n not in (2, 8, 11, 15)]
    assert taken.samples[untouched].tolist() == untouched
    assert not {2, 8, 11, 15} & set(taken.samples.tolist())
    compare(reader, taken, known)
    assert "at byte" in reader.broken[8]


def test_substitutes_do_not_depend_on_what_was_read_before(damaged: Any) -> None:
    dataset, damage = damaged
    bad = [0, 3, 4, 5, 9, 14, 18]
    for sample in bad:
        damage(sample, "sat", 4, b"\x01")
    results = []
    for seed in range(20):
        reader = SampleReader(dataset, on_error="skip")
        first = np.random.default_rng(seed).permutation(21)
        for part in np.array_split(first, 4):
            reader.take(part)
        results.append(reader.take(np.arange(21)).samples.tolist())
    assert all(result == results[0] for result in results)
    assert not set(bad) & set(results[0])


def test_marked_broken_after_decoding(damaged: Any) -> None:
    """What a decoder refuses is reported by the loader, and is replaced when the batch is made again."""
    dataset, _ = damaged
    reader = SampleReader(dataset, ("jpg",), on_error="skip")
    taken = reader.take(np.array([4, 5]), ("jpg",))
    reader.mark_broken(reader.fault(5, "jpg", "a picture cannot be decoded"))
    again = reader.take(np.array([4, 5]), ("jpg",))
    assert taken.samples.tolist() == [4, 5]
    assert again.samples[0] == 4
    assert again.samples[1] != 5
    strict = SampleReader(dataset, ("jpg",))
    with pytest.raises(BrokenSample, match="cannot be decoded"):
        strict.mark_broken(strict.fault(5, "jpg", "a picture cannot be decoded"))


def test_nothing_whole_is_left(damaged: Any) -> None:
    dataset, damage = damaged
    for sample in range(21):
        damage(sample, "sat", 4, b"\x01")
    with pytest.raises(ShardFault, match=r"no whole sample was found.*21 are broken"):
        SampleReader(dataset, on_error="skip").take(np.arange(5))


@pytest.mark.slow
def test_substitutes_are_spread_over_the_data_set(builder: Any) -> None:
    """A lost shard must not turn one sample into many: no substitute stands for more than a few."""
    built = builder(samples=300, shard_size=100)
    dataset = open_dataset(built.path)
    os.truncate(dataset.tar(dataset.shards[1]), 0)
    reader = SampleReader(dataset, on_error="skip")
    taken = reader.take(np.arange(300))
    assert set(reader.broken) == set(range(100, 200))
    replaced = Counter(taken.samples[100:200].tolist())
    assert max(replaced.values()) <= 5
    assert not set(replaced) & set(range(100, 200))
