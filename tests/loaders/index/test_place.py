"""An index is kept in the first place that can hold it, and nothing else is left or removed there."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskgen.errors import ShardFault
from maskgen.loaders import open_dataset
from maskgen.loaders.index.place import candidates, make_index, read_index

SHA256 = "0123456789abcdef" * 4


@pytest.fixture
def content(drawn: Any) -> bytes:
    return Path(open_dataset(drawn.path).index.path).read_bytes()


def writer(content: bytes, asked: list[str], faults: list[Exception]) -> Callable[[int], None]:
    def write(descriptor: int) -> None:
        asked.append(str(Path(f"/proc/self/fd/{descriptor}").readlink().name))
        os.pwrite(descriptor, content[: len(content) // 2], 0)
        if faults:
            raise faults.pop()
        os.pwrite(descriptor, content, 0)

    return write


def test_places_depend_on_the_manifest_and_on_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    beside, away = candidates(tmp_path / "a", SHA256)
    assert beside == tmp_path / "a" / "samples-0123456789abcdef.index"
    assert away.parent == tmp_path / "home" / "maskgen" / "indexes"
    assert candidates(tmp_path / "a", "f" * 64) != [beside, away]
    other = candidates(tmp_path / "b", SHA256)[1]
    assert other != away, "two copies have files of different times"
    assert candidates(tmp_path / "a", SHA256, tmp_path / "cache") == [tmp_path / "cache" / away.name]
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert candidates(tmp_path, SHA256)[1].is_relative_to(Path.home())


@pytest.mark.parametrize("full", [0, 1, 2])
def test_a_full_disk_leads_to_the_next_place_and_leaves_nothing(
    tmp_path: Path, content: bytes, full: int
) -> None:
    paths = [tmp_path / name / "samples-0123456789abcdef.index" for name in "ab"]
    asked: list[str] = []
    faults: list[Exception] = [OSError(errno.ENOSPC, "full") for _ in range(full)]
    index = make_index(paths, lambda: None, writer(content, asked, faults))
    assert len(asked) == full + 1
    assert index.places(np.arange(21), ()).starts[0] == 0
    left = [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()]
    assert left == ([f"{'ab'[full]}/{paths[0].name}"] if full < 2 else [])
    assert (index.path == str(paths[full])) if full < 2 else index.path.startswith("/proc/")


@pytest.mark.parametrize("fault", [ShardFault("damaged", where="x"), OSError(errno.EIO, "broken")])
def test_other_faults_are_told_and_leave_nothing(tmp_path: Path, content: bytes, fault: Exception) -> None:
    path = tmp_path / "samples-0123456789abcdef.index"
    with pytest.raises(type(fault)):
        make_index([path], lambda: None, writer(content, [], [fault]))
    assert not list(tmp_path.iterdir())


def test_one_that_another_process_made_meanwhile_is_taken(tmp_path: Path, content: bytes) -> None:
    path, asked = tmp_path / "samples-0123456789abcdef.index", list[str]()
    (tmp_path / "made").write_bytes(content)
    index = make_index(
        [path], lambda: read_index([tmp_path / "made"], lambda _: True), writer(content, asked, [])
    )
    assert (asked, index.path) == ([], str(tmp_path / "made"))


def test_older_ones_of_the_same_place_go_and_nothing_else(tmp_path: Path, content: bytes) -> None:
    home = tmp_path / "samples-aaaaaaaaaaaaaaaa-0123456789abcdef.index"
    beside = tmp_path / "samples-0123456789abcdef.index"
    kept = {
        "samples-bbbbbbbbbbbbbbbb-0000000000000000.index",  # of another folder
        "samples-of-last-summer-01.index",
        "samples-000000000000000g.index",
        "samples-0000000000000000.txt",
        ".drawn-000.tar.x-y-1-2-3.partial",  # a run's
    }
    gone = {"samples-0000000000000000.index", "samples-aaaaaaaaaaaaaaaa-0000000000000000.index"}
    for name in kept | gone:
        (tmp_path / name).write_bytes(b"x")
    for path in (home, beside):
        make_index([path], lambda: None, writer(content, [], []))
    assert {path.name for path in tmp_path.iterdir()} == kept | {home.name, beside.name}


def test_the_first_whole_one_that_fits_is_read(tmp_path: Path, content: bytes) -> None:
    paths = [tmp_path / name for name in ("absent", "folder", "damaged", "other", "good")]
    paths[1].mkdir()
    paths[2].write_bytes(content[:-1])
    for path in paths[3:]:
        path.write_bytes(content)
    found = read_index(paths, lambda index: not index.path.endswith("other"))
    assert found is not None
    assert found.path == str(paths[4])
    assert read_index(paths[:3], lambda _: True) is None
    shutil.rmtree(paths[1])
