"""Shards that are fetched: checked on arrival, within a limit, never taken from a reader, shared by
processes.
"""

from __future__ import annotations

import os
import pickle
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cached import count_fetches, held, read_all, tar_sizes
from members import contents

from maskgen.errors import ShardFault, UsageError
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.reading.masks import MaskReader
from maskgen.loaders.reading.samples import SampleReader
from maskgen.loaders.storage import cache as caching


def test_tars_are_fetched_when_they_are_needed(far: Path, tmp_path: Path) -> None:
    dataset = open_dataset(far, cache=tmp_path / "cache")
    assert held(tmp_path / "cache") == {}
    assert len(held(tmp_path / "cache", ".parquet")) == len(held(tmp_path / "cache", ".idx")) == 4
    read_all(dataset, contents(far), np.array([7, 8]))
    assert list(held(tmp_path / "cache")) == ["drawn-train-000001.tar"]
    read_all(dataset, contents(far))
    assert contents(dataset.path) == contents(far)
    assert not list((tmp_path / "cache").glob("maskgen-*/.*"))


def test_what_is_here_is_not_fetched_again(
    far: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_all(open_dataset(far, cache=tmp_path / "cache"), contents(far))
    reads = count_fetches(monkeypatch)
    cache = caching.TarCache(far, tmp_path / "cache", None)
    assert cache.prepare(open_dataset(far).manifest, 0)
    for shard in open_dataset(far).shards:
        os.close(cache.open_tar(shard))
    assert reads == {"manifest.json": 1}


def test_remote_and_local_agree(far: Path, tmp_path: Path) -> None:
    local, remote = open_dataset(far), open_dataset(far, cache=tmp_path / "cache")
    assert local.fingerprint == remote.fingerprint
    assert local.keys(np.arange(21)) == remote.keys(np.arange(21))
    for (key, mask), (other, same) in zip(MaskReader(local), MaskReader(remote), strict=True):
        assert key == other
        assert (mask == same).all()
    open_dataset(far, cache=tmp_path / "cache", check_hashes=True)


def test_reader_travels_to_workers(far: Path, tmp_path: Path) -> None:
    dataset = open_dataset(far, cache=tmp_path / "cache")
    SampleReader(dataset).prefetch(np.array([0]))
    read_all(pickle.loads(pickle.dumps(dataset)), contents(far))


def test_fetching_ahead(far: Path, tmp_path: Path) -> None:
    dataset = open_dataset(far, cache=tmp_path / "cache")
    reader = SampleReader(dataset)
    reader.prefetch(np.array([0, 1, 20]))
    assert dataset.cache is not None
    dataset.cache.prefetch(dataset.shards[:1] + dataset.shards[3:], wait=True)
    assert sorted(held(tmp_path / "cache")) == ["drawn-train-000000.tar", "drawn-train-000003.tar"]
    reader.close()
    read_all(dataset, contents(far))


@pytest.mark.slow
def test_killed_while_fetching(far: Path, tmp_path: Path) -> None:
    """At four places of a tar: nothing under the final name, and the next opening sweeps the rest away."""
    program = (
        "import sys, time\n"
        "from maskgen.io.storage import reading\n"
        "from maskgen.loaders.storage import cache\n"
        "reading.PART_BYTES = 4096\n"
        "read = cache.fetch_parts\n"
        "def slow(file, size):\n"
        "    for number, part in enumerate(read(file, size)):\n"
        "        if file.suffix == '.tar' and number == int(sys.argv[3]):\n"
        "            print('half', flush=True)\n            time.sleep(60)\n"
        "        yield part\n"
        "cache.fetch_parts = slow\n"
        "from maskgen.loaders.dataset.open import open_dataset\n"
        "dataset = open_dataset(sys.argv[1], cache=sys.argv[2])\n"
        "dataset.open_tar(dataset.shards[0])\n"
    )
    parts = -(-tar_sizes(far)[0] // 4096)
    for number in np.linspace(0, parts - 1, 4).astype(int).tolist():
        command = [sys.executable, "-c", program, str(far), str(tmp_path), str(number)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "half\n"
            process.send_signal(signal.SIGKILL)
        assert held(tmp_path) == {}
        assert len(held(tmp_path, ".partial")) == 1
        open_dataset(far, cache=tmp_path)
        assert held(tmp_path, ".partial") == {}
    read_all(open_dataset(far, cache=tmp_path), contents(far))


@pytest.mark.slow
def test_disk_full_while_fetching(far: Path, tmp_path: Path) -> None:
    program = (
        "import resource, sys\n"
        "from maskgen.errors import EnvironmentFault\n"
        "from maskgen.loaders.dataset.open import open_dataset\n"
        "dataset = open_dataset(sys.argv[1], cache=sys.argv[2])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))\n"
        "try:\n    dataset.open_tar(dataset.shards[0])\n"
        "except EnvironmentFault as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(far), str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert "cannot write" in done.stdout
    assert held(tmp_path) == {}
    assert not list(tmp_path.glob("maskgen-*/.*"))


@pytest.mark.parametrize("suffix", ["tar", "idx", "parquet"])
@pytest.mark.parametrize("fault", ["missing", "cut", "longer"])
def test_store_without_a_file_or_with_another_size(
    copy: Any, tmp_path: Path, suffix: str, fault: str
) -> None:
    file = copy.shards(suffix)[2]
    if fault == "missing":
        file.unlink()
    else:
        os.truncate(file, file.stat().st_size + (-1000 if fault == "cut" else 512))
    with pytest.raises(ShardFault, match=file.name):
        open_dataset(copy.path, cache=tmp_path / "c")
    assert held(tmp_path / "c") == {}


@pytest.mark.parametrize("suffix", ["idx", "parquet"])
def test_damaged_table_in_the_store(copy: Any, tmp_path: Path, suffix: str) -> None:
    file = copy.shards(suffix)[1]
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 4
    file.write_bytes(data)
    with pytest.raises(ShardFault, match=rf"(?s)SHA-256.*{file.name}"):
        open_dataset(copy.path, cache=tmp_path / "c")


def test_damaged_tar_in_the_store(copy: Any, tmp_path: Path) -> None:
    dataset = open_dataset(copy.path, cache=tmp_path / "c")
    file = copy.shards()[1]
    whole = file.read_bytes()
    file.write_bytes(whole[:5000] + b"?" + whole[5001:])
    with pytest.raises(ShardFault, match=rf"(?s)SHA-256.*{file.name}"):
        dataset.open_tar(dataset.shards[1])
    with pytest.raises(BrokenSample, match=file.name):
        SampleReader(dataset).take(np.arange(21))
    skipping = SampleReader(dataset, on_error="skip")
    taken = skipping.take(np.arange(21))
    assert set(skipping.broken) == set(range(6, 11))
    assert not set(range(6, 11)) & set(taken.samples.tolist())
    assert file.name not in held(tmp_path / "c")
    file.write_bytes(whole)
    read_all(dataset, contents(copy.path))


@pytest.mark.parametrize("after", ["cut", "gone"])
def test_store_that_changes_after_opening(copy: Any, tmp_path: Path, after: str) -> None:
    dataset = open_dataset(copy.path, cache=tmp_path / "c")
    file = copy.shards()[1]
    file.unlink() if after == "gone" else os.truncate(file, 3000)
    with pytest.raises(ShardFault, match=file.name):
        dataset.open_tar(dataset.shards[1])
    os.close(dataset.open_tar(dataset.shards[0]))


def test_damaged_file_in_the_cache_is_fetched_again(far: Path, tmp_path: Path) -> None:
    dataset = open_dataset(far, cache=tmp_path)
    read_all(dataset, contents(far))
    for name in (
        "drawn-train-000000.tar",
        "drawn-train-000001.idx",
        "drawn-train-000002.parquet",
        "manifest.json",
    ):
        os.truncate(dataset.path / name, 700)
    again = open_dataset(far, cache=tmp_path)
    read_all(again, contents(far))
    assert contents(again.path) == contents(far)


def test_a_new_version_at_the_same_address(copy: Any, builder: Any, tmp_path: Path) -> None:
    one = open_dataset(copy.path, cache=tmp_path / "c")
    read_all(one, contents(copy.path))
    shutil.rmtree(copy.path)
    shutil.copytree(builder(samples=9, shard_size=3, seed=9).path, copy.path)
    two = open_dataset(copy.path, cache=tmp_path / "c")
    read_all(two, contents(copy.path))
    assert one.fingerprint != two.fingerprint


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"cache_bytes": 10**9}, "without a cache"),
        ({"cache": "c", "cache_bytes": 0}, "cache_bytes is 0"),
        ({"shuffle": "none"}, "out of range"),
        ({"shuffle": "shards:0"}, "out of range"),
        ({"unfit_photos": "keep"}, "out of range"),
    ],
)
def test_options_out_of_range(far: Path, tmp_path: Path, options: dict[str, Any], match: str) -> None:
    if "cache" in options:
        options = {**options, "cache": tmp_path / "c"}
    with pytest.raises(UsageError, match=match):
        open_dataset(far, **options)


def test_cache_inside_the_data_set_and_address_without_cache(copy: Any) -> None:
    for inside in (copy.path, copy.path / "cache"):
        with pytest.raises(UsageError, match="inside the data set"):
            open_dataset(copy.path, cache=inside)
    with pytest.raises(UsageError, match="needs a local cache"):
        open_dataset("s3://bucket/prefix")
    with pytest.raises(UsageError, match="no such kind of address"):
        open_dataset("ftp://host/prefix", cache=copy.path.parent / "c")


def test_folder_that_is_no_data_set(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ShardFault, match=r"no manifest\.json"):
        open_dataset(tmp_path / "empty", cache=tmp_path / "c")
    with pytest.raises(ShardFault, match="not there"):
        open_dataset(tmp_path / "nowhere", cache=tmp_path / "c")


def test_order_of_a_window_is_the_same_with_and_without_a_cache(far: Path, tmp_path: Path) -> None:
    one = open_dataset(far, shuffle="shards:2").order(1, 2)
    two = open_dataset(far, shuffle="shards:2", cache=tmp_path).order(1, 2)
    assert one.name == two.name == "shards:2"
    assert (one[np.arange(21)] == two[np.arange(21)]).all()
