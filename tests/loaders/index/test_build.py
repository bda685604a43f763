"""An index that was made holds what it was made of, in the order of the hashes, in either layout."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maskgen.errors import ShardFault
from maskgen.loaders.index import build
from maskgen.loaders.index.layout import Places
from maskgen.loaders.index.mapped import Index
from maskgen.shards.manifest import Manifest
from maskgen.shards.record import FileFact, Record

MEMBERS = ("jpg", "json", "meta")
COUNTS = (3, 0, 5, 1)


def manifest() -> Manifest:
    files = {
        suffix: FileFact(number, f"{number:064x}") for number, suffix in enumerate(("tar", "idx", "parquet"))
    }
    records = tuple(
        Record(f"made-{number}", count, 1, "f" * 64, files if count else {"parquet": files["parquet"]})
        for number, count in enumerate(COUNTS)
    )
    return Manifest(4, {"options": {}}, MEMBERS, sum(COUNTS) + len(COUNTS), True, records)


def shard(number: int, *, largest: int = 1000) -> Places:
    draw, count = np.random.default_rng(number), COUNTS[number]
    lengths = draw.integers(largest, size=(count, 3)).astype(np.uint32)
    lengths[:, 2] = 72
    hashes = draw.integers(4, size=count).astype(np.uint64) << np.uint64(62)  # many alike
    return Places(hashes, np.arange(count) * 512, lengths, lengths + np.uint32(1))


def write(path: Path, opened: Callable[[int], Places]) -> np.ndarray:
    facts = {"manifest": "0" * 64, "remote": False, "fixed": {"meta": 72}, "checksums": True}
    times = np.arange(12).reshape(4, 3)
    with path.open("w+b") as file:
        return build.write_index(file.fileno(), manifest(), facts, times, opened)


@pytest.mark.parametrize(("largest", "wide"), [(1000, False), (2**31, True)])
def test_it_holds_what_it_was_made_of(tmp_path: Path, largest: int, wide: bool) -> None:
    alike = write(tmp_path / "i", lambda number: shard(number, largest=largest))
    index, known = Index.open(tmp_path / "i"), [shard(number, largest=largest) for number in range(4)]
    assert index.layout.wide == wide
    found = index.places(np.arange(9), MEMBERS)
    for column in range(4):
        assert np.array_equal(found[column], np.concatenate([each[column] for each in known]))
    hashes = found.hashes.tolist()
    for value in {*hashes, 5}:
        assert list(index.find(value)) == [number for number, each in enumerate(hashes) if each == value]
    assert sorted(alike.tolist()) == [n for n, each in enumerate(hashes) if hashes.count(each) > 1]
    assert list(index.manifest.shards) == list(manifest().shards)
    assert index.manifest.render() == manifest().render()
    assert index.firsts.tolist() == [0, 3, 3, 8, 9]
    assert index.directory["mtime_ns"].tolist() == np.arange(12).reshape(4, 3).tolist()
    assert (index.tar(2), index.tar(0).tar_name) == (("made-2", 0, "0" * 64), "made-0.tar")


def test_same_shards_give_the_same_bytes(tmp_path: Path) -> None:
    for name in "ab":
        write(tmp_path / name, shard)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_shard_that_cannot_be_opened_ends_it(tmp_path: Path) -> None:
    def broken(number: int) -> Places:
        if number == 2:
            raise ShardFault("no", where="here")
        return shard(number)

    with pytest.raises(ShardFault, match="no"):
        write(tmp_path / "i", broken)


def test_a_hash_of_another_length_in_the_manifest_is_refused(tmp_path: Path) -> None:
    whole = manifest()
    whole.shards[0].files["tar"] = FileFact(1, "12")
    with pytest.raises(ShardFault, match="SHA-256"), (tmp_path / "i").open("w+b") as file:
        build.write_index(
            file.fileno(),
            whole,
            {"manifest": "", "remote": False, "fixed": {"meta": 72}, "checksums": True},
            np.zeros((4, 3), np.int64),
            shard,
        )


@pytest.mark.parametrize("parts", [1, 2, 7])
def test_parts_are_together_what_argsort_gives(parts: int) -> None:
    draw = np.random.default_rng(parts)
    hashes = np.concatenate([draw.integers(0, 2**64, 200, np.uint64), np.array([0, 2**64 - 1, 0], np.uint64)])
    found = list(build.sorted_parts(hashes, parts))
    assert len(found) == parts
    assert np.array_equal(np.concatenate(found), np.argsort(hashes, kind="stable"))
