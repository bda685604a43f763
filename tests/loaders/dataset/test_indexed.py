"""The index of a data set: made once, shared, and made anew when it is damaged or the files change."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import shutil
import signal
import tarfile
import tempfile
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from archive_kit import unpack

from maskgen.errors import ShardFault, UsageError
from maskgen.loaders import MaskReader, Subset, TorchLoader, View, open_dataset
from maskgen.loaders.dataset import dataset as dataset_module
from maskgen.loaders.dataset import indexed
from maskgen.loaders.dataset.dataset import Dataset
from maskgen.loaders.dataset.open_shard import open_shard

GOLDEN = Path(__file__).parents[2] / "golden"
OPENED = {  # fingerprints and orders of the version before there were indexes
    2: ("1c1962c36615a386", "11e8bdb44869eeea"),
    3: ("8c8a8ca2587ecb2b", "884dfc49047643f4"),
    4: ("a5dcb4a176c7bf39", "2ba888670880dc3a"),
}


@pytest.fixture
def copy(copy: Any) -> Any:
    """Without an index: another test may have left one in what was copied."""
    for file in copy.path.glob("samples-*"):
        file.unlink()
    return copy


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The shards that were opened and checked."""
    names: list[str] = []

    def counted(path: Path, record: Any, *rest: Any, **options: Any) -> Any:
        names.append(record.name)
        return open_shard(path, record, *rest, **options)

    monkeypatch.setattr(indexed, "open_shard", counted)
    return names


def index_of(folder: Path) -> Path:
    (found,) = folder.glob("samples-*.index")
    return found


def check(dataset: Dataset, drawn: Any) -> None:
    """Every sample's key and places against tarfile."""
    assert dataset.keys(np.arange(dataset.samples)) == [drawing.key for drawing in drawn.drawings]
    for shard in dataset.shards:
        with tarfile.open(dataset.tar(shard)) as archive:
            found = [(member.offset_data, member.size) for member in archive.getmembers()]
        assert list(zip(shard.offsets.ravel().tolist(), shard.sizes.ravel().tolist(), strict=True)) == found
    for number, drawing in enumerate(drawn.drawings):
        assert dataset.find(drawing.key) == number


@pytest.mark.parametrize("version", OPENED)
def test_numbers_order_and_states_are_those_of_before(version: int, tmp_path: Path) -> None:
    unpack(GOLDEN / f"format-{version}.tar.xz", tmp_path)
    for _ in range(2):  # the index is made, then found
        dataset = open_dataset(tmp_path / "full")
        order = dataset.order(7, 3)[np.arange(6)]
        assert order.tolist() == [5, 3, 2, 1, 4, 0]
        assert dataset.keys(order)[:3] == ["cats_photo-5", "cats_photo-1", "birds_photo-4"]
        part = open_dataset(tmp_path / "full", subset=Subset(sample=3, seed=1))
        assert part.keys(np.arange(3)) == ["birds_photo-2", "cats_photo-1", "cats_photo-5"]
        assert (dataset.fingerprint[:16], part.fingerprint[:16]) == OPENED[version]


def test_it_is_made_once_and_nothing_is_opened_again(copy: Any, opened: list[str]) -> None:
    check(open_dataset(copy.path), copy)
    assert len(opened) == 4
    written = index_of(copy.path).stat().st_ino
    again = open_dataset(copy.path, check_hashes=True)
    check(again, copy)
    assert len(opened) == 4
    assert index_of(copy.path).stat().st_ino == written
    assert again.fingerprint == hashlib.sha256((copy.path / "manifest.json").read_bytes()).hexdigest()
    assert again.manifest.render() == (copy.path / "manifest.json").read_bytes()


@pytest.mark.slow
def test_batches_and_resume_are_the_same_whether_it_is_made_or_found(copy: Any) -> None:
    def batches(state: dict[str, Any] | None = None) -> tuple[list[Any], dict[str, Any]]:
        loader = TorchLoader(copy.path, 4, recipe=[View(size=16)], seed=3)
        if state:
            loader.load_state_dict(state)
        found = []
        for batch in loader:
            found.append(
                (
                    batch["key"],
                    batch["sample"].tolist(),
                    batch["label"].tolist(),
                    batch["views"][0].sum().item(),
                )
            )
            if len(found) == 2:
                kept = loader.state_dict()
        loader.close()
        return found, kept

    first, state = batches()
    second, _ = batches()
    assert first == second
    assert len(first) == 5
    assert all(
        copy.drawings[n].key == key
        for keys, numbers, *_ in first
        for key, n in zip(keys, numbers, strict=True)
    )
    rest, _ = batches(state)
    assert rest == first[2:]


def test_a_damaged_or_cut_one_is_made_anew(copy: Any, opened: list[str]) -> None:
    open_dataset(copy.path)
    file, draw = index_of(copy.path), np.random.default_rng(1)
    whole = file.read_bytes()
    for number in range(12):
        spoilt = bytearray(whole)
        place = int(draw.integers(len(whole)))
        spoilt[place] ^= 4
        file.write_bytes(spoilt if number % 2 else whole[:place])
        opened.clear()
        dataset = open_dataset(copy.path)
        assert len(opened) == 4
        assert dataset.keys(np.arange(21)) == [drawing.key for drawing in copy.drawings]
        assert file.read_bytes() == whole


def test_one_of_another_data_set_is_not_taken(copy: Any, builder: Any, opened: list[str]) -> None:
    other = builder(samples=8, shard_size=4, seed=9)
    open_dataset(other.path)
    open_dataset(copy.path)
    opened.clear()
    shutil.copy(index_of(other.path), index_of(copy.path))
    check(open_dataset(copy.path), copy)
    assert len(opened) == 4


@pytest.mark.parametrize("suffix", ["tar", "idx", "parquet"])
def test_files_that_changed_since_are_looked_at_again(copy: Any, opened: list[str], suffix: str) -> None:
    open_dataset(copy.path)
    file = copy.shards(suffix)[1]
    os.utime(file)
    opened.clear()
    check(open_dataset(copy.path), copy)
    assert len(opened) == 4, "made anew for another time"
    with file.open("r+b") as stream:
        stream.write(b"?")
    with pytest.raises(ShardFault, match=file.stem):
        open_dataset(copy.path)


def test_missing_and_foreign_files_are_seen_although_there_is_an_index(copy: Any) -> None:
    open_dataset(copy.path)
    for name in ("drawn-train-000009.tar", "manifest-2.json"):
        (copy.path / name).write_bytes(b"x")
        with pytest.raises(ShardFault, match=name):
            open_dataset(copy.path)
        (copy.path / name).unlink()
    copy.shards("tar")[2].unlink()
    with pytest.raises(ShardFault, match=r"missing.*000002"):
        open_dataset(copy.path)


def test_another_manifest_gets_another_index_and_the_old_one_goes(copy: Any, builder: Any) -> None:
    open_dataset(copy.path)
    old = index_of(copy.path)
    other = builder(samples=8, shard_size=4, seed=9)
    for file in copy.path.iterdir():
        if file.is_file() and file != old:
            file.unlink()
    for file in other.path.iterdir():
        if file.is_file():
            shutil.copy2(file, copy.path)
    check(open_dataset(copy.path), other)
    assert index_of(copy.path) != old


def test_of_many_that_open_it_at_once_one_makes_it(copy: Any, opened: list[str]) -> None:
    with ThreadPoolExecutor(6) as pool:  # a lock is of an open file, so threads exclude one another too
        found = list(pool.map(lambda _: open_dataset(copy.path), range(6)))
    assert len(opened) == 4
    for dataset in found:
        check(dataset, copy)
    assert not list(copy.path.glob(".*")), "no lock and no unfinished file is left"


def test_what_a_killed_process_leaves_is_swept(copy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any, **__: Any) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads
        child = os.fork()
    if not child:
        monkeypatch.setattr(indexed, "open_shard", killed)
        open_dataset(copy.path)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert list(copy.path.glob(".samples-*.partial"))
    assert not list(copy.path.glob("samples-*"))
    check(open_dataset(copy.path), copy)
    assert not list(copy.path.glob(".*"))
    index_of(copy.path)


@contextlib.contextmanager
def unwritable(folder: Path, home: Path) -> Iterator[None]:
    """Without the right to write into a folder; root gives it up for the time."""
    folder.chmod(0o555)
    user = os.geteuid()
    if user == 0:
        os.chown(home, 65534, 65534)
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)
        folder.chmod(0o755)


@pytest.mark.parametrize("cache", ["there", "not writable"])
def test_of_a_read_only_folder_it_lies_in_the_user_s_cache_or_in_memory(
    drawn: Any, opened: list[str], monkeypatch: pytest.MonkeyPatch, cache: str
) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)  # pytest's own folders are for their owner alone
        folder, home = Path(place, "shards"), Path(place, "home")
        shutil.copytree(drawn.path, folder, ignore=shutil.ignore_patterns("samples-*"))
        home.mkdir()
        monkeypatch.setenv("XDG_CACHE_HOME", str(home if cache == "there" else folder))
        with unwritable(folder, home):
            dataset = open_dataset(folder)
            check(dataset, drawn)
            assert len(opened) == 4
            again = open_dataset(folder)
            check(again, drawn)
            check(pickle.loads(pickle.dumps(again)), drawn)
        assert not list(folder.glob("samples-*"))
        assert len(list(home.rglob("samples-*.index"))) == (cache == "there")
        assert len(opened) == (4 if cache == "there" else 8)


def test_of_a_cached_data_set_it_lies_in_the_cache(drawn: Any, tmp_path: Path, opened: list[str]) -> None:
    for _ in range(2):
        dataset = open_dataset(drawn.path, cache=tmp_path)
        assert Path(dataset.index.path).parent == tmp_path
        assert dataset.find("s0007") == 7
        assert len(opened) == 4
    table = min(dataset.path.glob("*.parquet"))
    os.utime(table)
    open_dataset(drawn.path, cache=tmp_path)
    assert len(opened) == 8, "the table that was fetched is another than then"


def test_of_a_run_that_has_not_ended_nothing_is_kept(builder: Any) -> None:
    built = builder(samples=10, shard_size=4, commit=2)
    dataset = open_dataset(built.path, allow_incomplete=True)
    assert dataset.keys(np.arange(8)) == [f"s{number:04d}" for number in range(8)]
    assert pickle.loads(pickle.dumps(dataset)).find("s0005") == 5
    assert not list(built.path.glob("*samples*"))
    with pytest.raises(UsageError, match="has not ended"):
        open_dataset(built.path)


def test_keys_are_found_exactly_although_all_hashes_are_alike(
    copy: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (indexed, dataset_module):
        monkeypatch.setattr(module, "key_hash", lambda _: 7)
    dataset = open_dataset(copy.path)
    check(dataset, copy)
    reader = MaskReader(dataset)
    assert "s0003" in reader
    assert [key in reader for key in ("s0009", "s00", "s0003.jpg", "", "é", "s0003\0")] == [False] * 6


def test_two_equal_keys_among_equal_hashes_are_refused(builder: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(indexed, "key_hash", lambda _: 7)
    built = builder(samples=8, shard_size=4, repeat_keys_after=6)
    with pytest.raises(ShardFault, match="s0000"):
        open_dataset(built.path)
    assert not list(built.path.glob("*samples*"))


def test_keys_outside_a_subset_are_not_found(copy: Any) -> None:
    part = open_dataset(copy.path, subset=Subset(sample=7, seed=2))
    known = part.keys(np.arange(7))
    for drawing in copy.drawings:
        number = part.find(drawing.key)
        assert (number is not None) == (drawing.key in known)
        assert number is None or known[number] == drawing.key


def test_keys_are_found_where_the_tar_of_the_sample_is_damaged(copy: Any) -> None:
    """Then the table tells; the damage is told where the sample is read."""
    reader = MaskReader(copy.path)
    copy.shards()[1].write_bytes(b"")
    assert "s0007" in reader
    assert "s0009" not in reader
    with pytest.raises(ShardFault):
        reader["s0007"]
