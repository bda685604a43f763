"""Shards that are fetched: checked on arrival, within a limit, never taken from a reader, shared by processes."""

from __future__ import annotations

import contextlib
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.errors import EnvironmentFault, ShardFault, UsageError
from maskgen.io.atomic import folder_lock
from maskgen.loaders.dataset.open import Dataset, open_dataset
from maskgen.loaders.order.schedule import Schedule
from maskgen.loaders.reading.masks import MaskReader
from maskgen.loaders.reading.samples import BrokenSample, SampleReader
from maskgen.loaders.storage import cache as caching
from maskgen.loaders.storage import stores
from maskgen.loaders.storage.stores import FolderStore


@pytest.fixture(scope="session")
def far(drawn: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A copy of the drawn data set that stands for one far away; read only."""
    path = tmp_path_factory.mktemp("far") / "shards"
    shutil.copytree(drawn.path, path)
    return path


def contents(path: Path) -> dict[str, bytes]:
    found = {}
    for file in sorted(path.glob("*.tar")):
        with tarfile.open(file) as archive:
            for member in archive:
                found[member.name] = archive.extractfile(member).read()  # type: ignore[union-attr]
    return found


def read_all(dataset: Dataset, known: dict[str, bytes], samples: Any = None) -> None:
    reader = SampleReader(dataset, ("jpg",))
    taken = reader.take(np.arange(dataset.samples) if samples is None else samples, ("jpg",))
    for row, key in enumerate(reader.keys(taken.samples)):
        assert taken.encoded["jpg"][row].tobytes() == known[f"{key}.jpg"]
        assert taken.small.fg[row].tobytes() == known[f"{key}.fg"]
    reader.close()


def held(cache: Path, suffix: str = ".tar") -> dict[str, int]:
    files = [path for path in cache.glob("maskgen-*/*") if path.name.endswith(suffix)]
    return {path.name: path.stat().st_size for path in files}


def total(cache: Path) -> int:
    return sum(held(cache, "").values())


def small_bytes(path: Path) -> int:
    return sum(f.stat().st_size for f in path.iterdir() if f.suffix in (".idx", ".parquet", ".json"))


def tar_sizes(path: Path) -> list[int]:
    return [f.stat().st_size for f in sorted(path.glob("*.tar"))]


def test_tars_are_fetched_when_they_are_needed(far: Path, tmp_path: Path) -> None:
    dataset = open_dataset(far, cache=tmp_path / "cache")
    assert held(tmp_path / "cache") == {}
    assert len(held(tmp_path / "cache", ".parquet")) == len(held(tmp_path / "cache", ".idx")) == 4
    read_all(dataset, contents(far), np.array([7, 8]))
    assert list(held(tmp_path / "cache")) == ["drawn-train-000001.tar"]
    read_all(dataset, contents(far))
    assert contents(dataset.path) == contents(far)
    assert not list((tmp_path / "cache").glob("maskgen-*/.*"))


def test_what_is_here_is_not_fetched_again(far: Path, tmp_path: Path) -> None:
    read_all(open_dataset(far, cache=tmp_path / "cache"), contents(far))
    counting = Counting(far)
    cache = caching.TarCache(counting, tmp_path / "cache", None)
    assert cache.prepare(open_dataset(far).manifest, 0)
    for shard in open_dataset(far).shards:
        os.close(cache.open_tar(shard))
    assert counting.reads == {"manifest.json": 1}


class Counting(FolderStore):
    """A folder that counts what is fetched from it."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.reads: Counter[str] = Counter()

    def read(self, name: str, size: int) -> Iterator[bytes]:
        self.reads[name] += 1
        return super().read(name, size)


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
    SampleReader(dataset).ahead(np.array([0]))
    read_all(pickle.loads(pickle.dumps(dataset)), contents(far))


def test_fetching_ahead(far: Path, tmp_path: Path) -> None:
    dataset = open_dataset(far, cache=tmp_path / "cache")
    reader = SampleReader(dataset)
    reader.ahead(np.array([0, 1, 20]))
    assert dataset.cache is not None
    dataset.cache.fetch_ahead(dataset.shards[:1] + dataset.shards[3:], wait=True)
    assert sorted(held(tmp_path / "cache")) == ["drawn-train-000000.tar", "drawn-train-000003.tar"]
    reader.close()
    read_all(dataset, contents(far))


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


def test_files_of_others_in_the_cache_folder_stay(far: Path, tmp_path: Path) -> None:
    mine = [tmp_path / "mine.tar", tmp_path / "maskgen-notes" / "notes.txt", tmp_path / "other" / "x.tar"]
    for path in mine:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(bytes(1000))
    limit = small_bytes(far) + 2 * max(tar_sizes(far)) + 1000
    dataset = open_dataset(far, cache=tmp_path, cache_bytes=limit, shuffle="shards:1")
    for sample in range(21):
        read_all(dataset, contents(far), np.array([sample]))
    assert all(path.stat().st_size == 1000 for path in mine)


def test_what_is_in_use_is_never_evicted(far: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caching, "WAIT_S", 0.3)
    sizes = tar_sizes(far)
    limit = small_bytes(far) + 2 * max(sizes)
    dataset = open_dataset(far, cache=tmp_path, cache_bytes=limit, shuffle="shards:1")
    program = (
        "import sys\nfrom maskgen.loaders.dataset.open import open_dataset\n"
        "dataset = open_dataset(sys.argv[1], cache=sys.argv[2], cache_bytes=int(sys.argv[3]), shuffle='shards:1')\n"
        "with dataset.descriptor(dataset.shards[0]):\n    print('reading', flush=True)\n    sys.stdin.read()\n"
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


SHARING = (
    "import sys, numpy as np\n"
    "from maskgen.loaders.dataset.open import open_dataset\n"
    "from maskgen.loaders.reading.samples import SampleReader\n"
    "far, cache, limit, seed = sys.argv[1:]\n"
    "dataset = open_dataset(far, cache=cache, cache_bytes=int(limit), shuffle='shards:1')\n"
    "reader, here = SampleReader(dataset, ('jpg',)), SampleReader(open_dataset(far), ('jpg',))\n"
    "rng = np.random.default_rng(int(seed))\n"
    "for _ in range(60):\n"
    "    samples = rng.integers(0, dataset.samples, 3)\n"
    "    one, two = reader.take(samples, ('jpg',)), here.take(samples, ('jpg',))\n"
    "    assert all((a == b).all() for a, b in zip(one.encoded['jpg'], two.encoded['jpg'], strict=True))\n"
    "print('done')\n"
)


def test_processes_share_a_cache_that_is_too_small_for_them(far: Path, tmp_path: Path) -> None:
    limit = small_bytes(far) + 2 * max(tar_sizes(far)) + 100
    commands = [
        [sys.executable, "-c", SHARING, str(far), str(tmp_path), str(limit), str(n)] for n in range(3)
    ]
    running = [
        subprocess.Popen(c, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for c in commands
    ]
    most = 0
    while any(process.poll() is None for process in running):
        sizes: dict[int, int] = {}
        with folder_lock(tmp_path):  # room is made and taken under it
            for path in tmp_path.glob("maskgen-*/*"):
                with contextlib.suppress(FileNotFoundError):  # a finished file changes its name at any time
                    status = path.stat()
                    sizes[status.st_ino] = status.st_size
        most = max(most, sum(sizes.values()))
        time.sleep(0.005)
    results = [process.communicate() for process in running]
    assert [out for out, _ in results] == ["done\n"] * 3, results
    assert most <= limit
    assert not list(tmp_path.glob("maskgen-*/.*"))


def test_two_processes_fetch_a_tar_once(far: Path, tmp_path: Path) -> None:
    """Both want the same tars at the same time; the inode that the first one puts there stays."""
    commands = [
        [sys.executable, "-c", SHARING, str(far), str(tmp_path), str(10**9), str(n)] for n in range(2)
    ]
    running = [subprocess.Popen(c, stdout=subprocess.PIPE, text=True) for c in commands]
    seen: dict[str, set[int]] = {}
    while any(process.poll() is None for process in running):
        for path in tmp_path.glob("maskgen-*/*.tar"):
            seen.setdefault(path.name, set()).add(path.stat().st_ino)
        time.sleep(0.002)
    assert [process.communicate()[0] for process in running] == ["done\n"] * 2
    assert {name: len(inodes) for name, inodes in seen.items()} == dict.fromkeys(held(tmp_path), 1)


def test_killed_while_fetching(far: Path, tmp_path: Path) -> None:
    """At four places of a tar: nothing under the final name, and the next opening sweeps the rest away."""
    program = (
        "import sys, time\n"
        "from maskgen.loaders.storage import cache, stores\n"
        "stores.PART_BYTES = 4096\n"
        "read = stores.FolderStore.read\n"
        "def slow(self, name, size):\n"
        "    for number, part in enumerate(read(self, name, size)):\n"
        "        if name.endswith('.tar') and number == int(sys.argv[3]):\n"
        "            print('half', flush=True)\n            time.sleep(60)\n"
        "        yield part\n"
        "stores.FolderStore.read = slow\n"
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


def test_window_order_fetches_every_tar_once_per_epoch(builder: Any, tmp_path: Path) -> None:
    built = builder(samples=60, shard_size=3, seed=4)
    sizes = sorted(tar_sizes(built.path), reverse=True)
    limit = small_bytes(built.path) + sum(sizes[:6])
    dataset = open_dataset(built.path, cache=tmp_path, cache_bytes=limit, shuffle="shards:3")
    assert dataset.cache is not None
    counting = Counting(built.path)
    dataset.cache.store = counting
    known = contents(built.path)
    for epoch in range(2):
        counting.reads.clear()
        schedule, order = Schedule(60, 4), dataset.order(0, epoch)
        for step in range(schedule.steps):
            read_all(dataset, known, schedule.batch(order, step))
            assert total(tmp_path) <= limit
        again = [count for count in counting.reads.values() if count > 1]
        assert not again
        assert len(counting.reads) >= 20 - 6


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
    assert stores.is_address("s3://a/b")
    assert not stores.is_address(far)
