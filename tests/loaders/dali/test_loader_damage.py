"""Damaged shards in the DALI loader: what they cost, how they are named, and what takes their place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from epochs import DONORS, FULL, SMALL, equal, harvest, keys, make

from maskgen.errors import ShardFault
from maskgen.loaders import DaliLoader, open_dataset


def overwrite(path: Path, key: str, ext: str, change: Any) -> tuple[str, int]:
    """Change the bytes of one member in its tar; returns the tar's name and the member's offset."""
    dataset = open_dataset(path)
    for shard in dataset.shards:
        if key.encode() in shard.keys.tolist():
            start, size = shard.place(shard.keys.tolist().index(key.encode()), shard.members.index(ext))
            with dataset.tar(shard).open("r+b") as file:
                file.seek(start)
                data = bytearray(file.read(size))
                change(data)
                file.seek(start)
                file.write(data[:size])
            return shard.tar_name, start
    raise AssertionError(key)


def zeros(data: bytearray) -> None:
    data[:] = bytes(len(data))


def half(data: bytearray) -> None:
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)


def headless(data: bytearray) -> None:
    """Begins like a JPEG and is none."""
    data[2:] = b"\x07" * (len(data) - 2)


DAMAGE = {"zeros": zeros, "half": half, "headless": headless}


@pytest.mark.slow
@pytest.mark.parametrize("operators", [False, True])
@pytest.mark.parametrize("how", DAMAGE)
def test_bad_photo_costs_its_batch_and_is_named(copy: Any, how: str, operators: bool) -> None:
    dataset = open_dataset(copy.path)
    tar, offset = overwrite(copy.path, "s0008", "jpg", DAMAGE[how])
    loader = DaliLoader(dataset, 4, recipe=(SMALL,), seed=1, last="partial", operators=operators)
    for _ in range(3):  # DALIGenericIterator ends for good after the second error
        batches, faults = harvest(iter(loader))
        assert len(faults) == 1
        assert isinstance(faults[0], ShardFault)
        assert tar in faults[0].where
        assert str(offset) in faults[0].where
        assert "s0008.jpg" in faults[0].where
        assert faults[0].remedy
        seen = keys(batches)
        assert "s0008" not in seen
        assert len(set(seen)) == len(seen) in (17, 20)


@pytest.mark.slow
@pytest.mark.parametrize("operators", [False, True])
@pytest.mark.parametrize("how", DAMAGE)
def test_bad_photo_is_replaced(copy: Any, how: str, operators: bool) -> None:
    dataset = open_dataset(copy.path)
    sound = make(copy.path, 4, recipe=(SMALL,), seed=1, last="partial", operators=operators)
    whole = [list(sound) for _ in range(3)]
    overwrite(copy.path, "s0008", "jpg", DAMAGE[how])
    loader = DaliLoader(
        dataset, 4, recipe=(SMALL,), seed=1, last="partial", on_error="skip", operators=operators
    )
    for epoch in whole:
        batches = list(loader)
        assert len(batches) == len(loader)
        for one, two in zip(batches, epoch, strict=True):
            assert "s0008" not in one["key"]
            for row, key in enumerate(two["key"]):
                if key == "s0008":
                    continue
                assert one["key"][row] == key
                assert torch.equal(one["views"][0][row], two["views"][0][row])
        assert loader.skipped == 1
    assert "s0008.jpg" in next(iter(loader.reader.broken.values()))


@pytest.mark.slow
def test_many_bad_photos_at_once(copy: Any) -> None:
    dataset = open_dataset(copy.path)
    bad = [f"s{number:04d}" for number in (1, 2, 6, 8, 13, 20, 21)]
    for number, key in enumerate(bad):
        overwrite(copy.path, key, "jpg", list(DAMAGE.values())[number % 3])
    for prefetch in (1, 3):
        loader = DaliLoader(
            dataset, 5, recipe=(SMALL,), seed=1, last="partial", on_error="skip", prefetch=prefetch
        )
        for _ in range(3):
            seen = keys(list(loader))
            assert len(seen) == 21
            assert set(seen) == {d.key for d in copy.drawings} - set(bad)
        assert loader.skipped == len(bad)


@pytest.mark.slow
@pytest.mark.parametrize("operators", [False, True])
@pytest.mark.parametrize("how", DAMAGE)
def test_bad_background(copy: Any, how: str, operators: bool) -> None:
    dataset = open_dataset(copy.path)
    tar, offset = overwrite(copy.path, "s0008", "bg.jpg", DAMAGE[how])
    options: dict[str, Any] = {"recipe": (DONORS,), "seed": 1, "last": "partial", "operators": operators}
    strict, tolerant = (DaliLoader(dataset, 7, on_error=mode, **options) for mode in ("raise", "skip"))
    wrong = 0
    for _ in range(3):
        batches, faults = harvest(iter(strict))
        wrong += len(faults)
        assert len(batches) + len(faults) == 3
        assert all("s0008.bg.jpg" in fault.where and tar in fault.where for fault in faults)
        assert all(str(offset) in fault.where for fault in faults)
        assert len(keys(list(tolerant))) == 21
    assert wrong > 0
    assert tolerant.skipped == 1


@pytest.mark.slow
@pytest.mark.parametrize("member", ["sat", "fg", "meta"])
def test_bad_small_member(copy: Any, member: str) -> None:
    dataset = open_dataset(copy.path)
    overwrite(copy.path, "s0008", member, headless)
    batches, faults = harvest(iter(DaliLoader(dataset, 4, recipe=FULL, seed=1, last="partial")))
    tolerant = DaliLoader(dataset, 4, recipe=FULL, seed=1, last="partial", on_error="skip")
    assert len(keys(list(tolerant))) == 21
    assert len(faults) == tolerant.skipped == 1
    assert len(batches) == 6 - len(faults)


@pytest.mark.slow
def test_tar_cut_while_it_is_read(copy: Any) -> None:
    dataset = open_dataset(copy.path)
    strict = DaliLoader(dataset, 4, recipe=(SMALL,), seed=1, last="partial")
    tolerant = DaliLoader(dataset, 4, recipe=(SMALL,), seed=1, last="partial", on_error="skip")
    assert len(keys(list(strict))) == len(keys(list(tolerant))) == 21
    shard = dataset.shards[1]
    file = dataset.tar(shard)
    with file.open("r+b") as stream:
        stream.truncate(int(shard.starts[3]) + 700)
    cut = {key.decode() for key in shard.keys[3:].tolist()}
    for _ in range(3):
        batches, faults = harvest(iter(strict))
        assert len(batches) + len(faults) == len(strict)
        assert faults
        assert all(isinstance(f, ShardFault) and shard.tar_name in f.where for f in faults)
        assert not cut & set(keys(batches))
        seen = keys(list(tolerant))
        assert len(seen) == 21
        assert not cut & set(seen)
    assert tolerant.skipped == len(cut)


@pytest.mark.slow
def test_missing_tar(copy: Any) -> None:
    dataset = open_dataset(copy.path)
    shard = dataset.shards[2]
    dataset.tar(shard).unlink()
    strict = DaliLoader(dataset, 4, recipe=(SMALL,), seed=1, last="partial")
    tolerant = DaliLoader(dataset, 4, recipe=(SMALL,), seed=1, last="partial", on_error="skip")
    gone = {key.decode() for key in shard.keys.tolist()}
    for _ in range(3):
        batches, faults = harvest(iter(strict))
        assert len(batches) + len(faults) == len(strict)
        assert all(isinstance(f, ShardFault) and shard.tar_name in f.where for f in faults)
        assert len(keys(list(tolerant))) == 21
    assert tolerant.skipped == len(gone)


def test_nothing_whole_is_left(copy: Any) -> None:
    dataset = open_dataset(copy.path)
    for shard in dataset.shards:
        dataset.tar(shard).unlink()
    loader = DaliLoader(dataset, 4, recipe=(SMALL,), seed=1, on_error="skip")
    batches, faults = harvest(iter(loader))
    assert not batches
    assert len(faults) == len(loader)
    assert all(isinstance(fault, ShardFault) for fault in faults)


def test_an_error_between_batches_keeps_the_state_exact(copy: Any) -> None:
    dataset = open_dataset(copy.path)
    overwrite(copy.path, "s0008", "jpg", half)
    loader = DaliLoader(dataset, 3, recipe=(SMALL,), seed=2)
    epoch, states = iter(loader), []
    found: list[Any] = []
    for _ in range(len(loader)):
        try:
            found.append(next(epoch))
        except ShardFault:
            found.append(None)
        states.append(loader.state_dict())
    assert found.count(None) == 1
    assert found[-1] is not None
    resumed = DaliLoader(dataset, 3, recipe=(SMALL,), seed=2)
    resumed.load_state_dict(states[found.index(None)])
    assert all(map(equal, list(resumed), found[found.index(None) + 1 :]))


@pytest.mark.gpu
def test_gpu_loader_survives_damage_and_resumes(copy: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no NVIDIA GPU here")
    dataset = open_dataset(copy.path)
    overwrite(copy.path, "s0008", "jpg", headless)
    strict = DaliLoader(dataset, 4, recipe=FULL, seed=1, device="cuda", last="partial")
    batches, faults = harvest(iter(strict))
    assert len(batches) + len(faults) == len(strict)
    assert len(faults) == 1
    tolerant = DaliLoader(dataset, 4, recipe=FULL, seed=1, device="cuda", on_error="skip")
    epoch = iter(tolerant)
    next(epoch)
    state, rest = tolerant.state_dict(), list(epoch)
    resumed = DaliLoader(dataset, 4, recipe=FULL, seed=1, device="cuda", on_error="skip")
    resumed.load_state_dict(state)
    assert all(one["key"] == two["key"] for one, two in zip(resumed, rest, strict=True))
