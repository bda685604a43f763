"""How much a cache may hold: eviction by last use, room for two windows, and refusal where an order cannot
fit.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cached import count_fetches, held, read_all, small_bytes, tar_sizes, total
from members import contents

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.order.schedule import Schedule
from maskgen.loaders.storage import room


def test_limit_holds_and_the_longest_unused_goes_first(far: Path, tmp_path: Path) -> None:
    sizes = tar_sizes(far)
    limit = small_bytes(far) + sizes[0] + sizes[1] + max(sizes)
    dataset = open_dataset(far, cache=tmp_path, cache_bytes=limit, shuffle="shards:1")
    known = contents(far)
    for shard in (0, 1, 0, 2):
        read_all(dataset, known, np.array([int(dataset.firsts[shard])]))
        time.sleep(0.02)  # the file system's clock ticks in milliseconds
    assert held(tmp_path).keys() == {
        "drawn-train-000000.tar",
        "drawn-train-000001.tar",
        "drawn-train-000002.tar",
    }
    read_all(dataset, known, np.array([20]))
    assert "drawn-train-000001.tar" not in held(tmp_path)
    assert "drawn-train-000003.tar" in held(tmp_path)
    for sample in np.random.default_rng(0).integers(0, 21, 60).tolist():
        read_all(dataset, known, np.array([sample]))
        assert total(tmp_path) <= limit


def test_another_data_set_in_the_same_cache_makes_room(far: Path, builder: Any, tmp_path: Path) -> None:
    other = builder(samples=12, shard_size=3, seed=5)
    limit = small_bytes(far) + sum(tar_sizes(far)) + small_bytes(other.path)
    read_all(open_dataset(far, cache=tmp_path / "c", cache_bytes=limit), contents(far))
    read_all(open_dataset(other.path, cache=tmp_path / "c", cache_bytes=limit), contents(other.path))
    assert total(tmp_path / "c") <= limit
    assert len(list((tmp_path / "c").glob("maskgen-*"))) == 2


@pytest.mark.slow
def test_what_is_in_use_is_never_evicted(far: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WAIT_S", 0.3)
    sizes = tar_sizes(far)
    limit = small_bytes(far) + 2 * max(sizes)
    dataset = open_dataset(far, cache=tmp_path, cache_bytes=limit, shuffle="shards:1")
    program = (
        "import sys\nfrom maskgen.loaders.dataset.open import open_dataset\n"
        "dataset = open_dataset(sys.argv[1], cache=sys.argv[2], cache_bytes=int(sys.argv[3]), "
        "shuffle='shards:1')\n"
        "with dataset.descriptor(dataset.shards[0]):\n    print('reading', flush=True)\n    "
        "sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(far), str(tmp_path), str(limit)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "reading\n"
        known = contents(far)
        for sample in (20, 8, 14, 20):
            read_all(dataset, known, np.array([sample]))
            assert "drawn-train-000000.tar" in held(tmp_path)
        with (
            dataset.descriptor(dataset.shards[1]),
            pytest.raises(EnvironmentFault, match="no room") as caught,
        ):
            dataset.open_tar(dataset.shards[2])
        assert "cache_bytes" in caught.value.remedy
        other.kill()  # its lock dies with it
    with dataset.descriptor(dataset.shards[1]):
        os.close(dataset.open_tar(dataset.shards[2]))
    assert "drawn-train-000000.tar" not in held(tmp_path)


@pytest.mark.slow
def test_order_that_the_cache_cannot_serve_is_refused_with_the_remedy(builder: Any, tmp_path: Path) -> None:
    built = builder(samples=40, shard_size=2, seed=3)
    sizes = sorted(tar_sizes(built.path), reverse=True)
    limit = small_bytes(built.path) + 7 * sizes[0]
    with pytest.raises(UsageError, match="global shuffle") as caught:
        open_dataset(built.path, cache=tmp_path, cache_bytes=limit)
    assert f"{limit:,}" in str(caught.value)
    with pytest.raises(UsageError, match="two windows of 16"):
        open_dataset(built.path, cache=tmp_path, cache_bytes=limit, shuffle="shards")
    advice = re.search(r'shuffle="(shards:\d+)"', caught.value.remedy)
    assert advice is not None
    dataset = open_dataset(built.path, cache=tmp_path, cache_bytes=limit, shuffle=advice[1])
    assert dataset.window == 3
    enough = re.search(r"cache_bytes=(\d+)", caught.value.remedy)
    assert enough is not None
    assert open_dataset(built.path, cache=tmp_path, cache_bytes=int(enough[1])).window == 0
    with pytest.raises(UsageError, match="global shuffle"):
        open_dataset(built.path, cache=tmp_path, cache_bytes=int(enough[1]) - 1)


@pytest.mark.slow
def test_window_order_fetches_every_tar_once_per_epoch(
    builder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = builder(samples=60, shard_size=3, seed=4)
    sizes = sorted(tar_sizes(built.path), reverse=True)
    limit = small_bytes(built.path) + sum(sizes[:6])
    dataset = open_dataset(built.path, cache=tmp_path, cache_bytes=limit, shuffle="shards:3")
    assert dataset.cache is not None
    reads = count_fetches(monkeypatch)
    known = contents(built.path)
    for epoch in range(2):
        reads.clear()
        schedule, order = Schedule(60, 4), dataset.order(0, epoch)
        for step in range(schedule.steps):
            read_all(dataset, known, schedule.batch(order, step))
            assert total(tmp_path) <= limit
        again = [count for count in reads.values() if count > 1]
        assert not again
        assert len(reads) >= 20 - 6
