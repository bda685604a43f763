"""Files of a cache that several processes use: fetched once, never evicted while read, whole or not there."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from cached import held, read_all, small_bytes, tar_sizes
from members import contents

from maskgen.io.atomic import folder_lock
from maskgen.loaders.dataset.open import open_dataset


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
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
