from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from maskgen.errors import EnvironmentFault
from maskgen.io import atomic, exclusive


def names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_write_atomic_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "a.json"
    atomic.write_atomic(target, b"one")
    atomic.write_atomic(target, b"two")
    assert target.read_bytes() == b"two"
    assert names(tmp_path) == ["a.json"]


def test_partial_file_counts_and_hashes(tmp_path: Path) -> None:
    with atomic.PartialFile(tmp_path / "x.tar") as partial:
        partial.write(b"abc")
        partial.write(bytes(70_000))
        partial.sync()
        assert partial.size == 70_003
        assert partial.sha256 == hashlib.sha256(b"abc" + bytes(70_000)).hexdigest()
        assert not (tmp_path / "x.tar").exists()
        partial.publish()
    assert (tmp_path / "x.tar").stat().st_size == 70_003
    assert names(tmp_path) == ["x.tar"]


def test_an_error_leaves_no_partial_file(tmp_path: Path) -> None:
    def fail() -> None:
        with atomic.PartialFile(tmp_path / "x.tar") as partial:
            partial.write(b"abc")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert names(tmp_path) == []


def test_publish_keeps_an_equal_file_and_replaces_debris(tmp_path: Path) -> None:
    target = tmp_path / "x.tar"
    for content, replaced in ((b"same", False), (b"other", True)):
        target.write_bytes(b"same")
        inode = target.stat().st_ino
        with atomic.PartialFile(target) as partial:
            partial.write(content)
            partial.sync()
            assert partial.publish() is replaced
        assert target.read_bytes() == content
        assert (target.stat().st_ino == inode) is not replaced


def test_publish_may_be_forbidden_to_replace(tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    target.write_bytes(b"theirs")
    with atomic.PartialFile(target) as partial:
        partial.write(b"ours")
        with pytest.raises(FileExistsError):
            partial.publish(replace=False)
    assert target.read_bytes() == b"theirs"


def test_full_disk_is_an_environment_fault_with_sizes(tmp_path: Path) -> None:
    with (
        pytest.raises(EnvironmentFault, match=r"No space left") as caught,
        atomic.disk_errors(tmp_path / "x", 12345),
    ):
        raise OSError(errno.ENOSPC, "no space")
    assert "12,345 bytes were needed" in str(caught.value)
    assert "bytes are free" in str(caught.value)


def test_other_os_errors_pass_through(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError), atomic.disk_errors(tmp_path):
        raise IsADirectoryError(errno.EISDIR, "a folder")


@pytest.mark.parametrize("name", ["a" * 251 + ".tar", "ü" * 125 + ".tar"])
def test_a_name_of_the_greatest_length_has_a_partial_file_too(name: str, tmp_path: Path) -> None:
    atomic.write_atomic(tmp_path / name, b"abc")
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {name: b"abc"}
    with atomic.PartialFile(tmp_path / name) as partial:
        assert partial.path.name.startswith("." + name[:20])
        assert atomic.sweep_partials(tmp_path) == 0, "its owner, who is named at the end, lives"


def test_the_sweep_takes_what_has_no_owner_and_nothing_else(tmp_path: Path) -> None:
    with atomic.PartialFile(tmp_path / "mine.tar") as mine:
        debris = atomic.partial_name(tmp_path / "gone.tar")
        debris.with_name(debris.name.replace(f"-{os.getpid()}-", "-999999999-")).touch()
        (tmp_path / "whole.tar").touch()
        assert atomic.sweep_partials(tmp_path) == 1
        assert sorted(names(tmp_path)) == sorted([mine.path.name, "whole.tar"])


def test_a_published_file_can_be_locked_by_its_readers_at_once(tmp_path: Path) -> None:
    """The writer's lock is on the same inode; a cache's readers must not wait for its other files."""
    for number, publish in enumerate((atomic.PartialFile.publish, atomic.PartialFile.put)):
        with atomic.PartialFile(tmp_path / f"{number}.tar") as partial:
            partial.write(b"content")
            publish(partial)
            with partial.final.open("rb") as reader:
                fcntl.flock(reader, fcntl.LOCK_SH | fcntl.LOCK_NB)


@pytest.mark.parametrize("there", [None, b"same", b"other"])
def test_without_hard_links_a_file_is_published_by_a_rename(
    there: bytes | None, without_links: None, tmp_path: Path
) -> None:
    target = tmp_path / "x.tar"
    if there is not None:
        target.write_bytes(there)
    with atomic.PartialFile(target) as partial:
        partial.write(b"same")
        partial.sync()
        if there == b"other":
            with pytest.raises(FileExistsError):
                partial.publish(replace=False)
        assert partial.publish() is (there == b"other")
    assert target.read_bytes() == b"same"
    assert names(tmp_path) == ["x.tar"]


@pytest.mark.parametrize("there", [None, b"same", b"other"])
def test_where_no_name_can_be_created_safely_files_are_replaced_or_refused(
    there: bytes | None, without_links: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(exclusive, "_RENAME_NOREPLACE", 1 << 20)  # no such flag: EINVAL, as FUSE answers
    target = tmp_path / "x.tar"
    if there is not None:
        target.write_bytes(there)
    with atomic.PartialFile(target) as partial:
        partial.write(b"same")
        with pytest.raises(EnvironmentFault, match="neither hard links") as caught:
            partial.publish(replace=False)
        assert str(tmp_path) in str(caught.value)
        assert "free space" not in str(caught.value)
        assert partial.publish() is (there == b"other")
    assert target.read_bytes() == b"same"
    with pytest.raises(EnvironmentFault, match="another file system"):
        atomic.require_exclusive_names(tmp_path)
    assert names(tmp_path) == ["x.tar"]


def test_a_folder_that_can_create_names_shows_it_and_keeps_nothing(tmp_path: Path) -> None:
    atomic.require_exclusive_names(tmp_path)
    assert names(tmp_path) == []


def test_folder_lock_excludes_other_processes(tmp_path: Path) -> None:
    code = (
        "import fcntl, os, sys; d = os.open(sys.argv[1], os.O_RDONLY); "
        "fcntl.flock(d, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    )

    def taken() -> bool:
        other = [sys.executable, "-c", code, str(tmp_path)]
        return subprocess.run(other, stderr=subprocess.DEVNULL, check=False).returncode != 0

    with atomic.folder_lock(tmp_path):
        assert taken()
    assert not taken()


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOENT, "make the folder again"),
        (errno.EACCES, "make the folder writable"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ENOSPC, "free space"),
    ],
)
def test_each_error_of_the_disk_has_a_remedy_of_its_own(number: int, told: str, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault) as caught, atomic.disk_errors(tmp_path):
        raise OSError(number, os.strerror(number))
    assert told in caught.value.remedy
    assert ("free space" in caught.value.remedy) is (number == errno.ENOSPC)


def test_a_disk_is_synced_whole_and_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    atomic.sync_disk(tmp_path)
    with pytest.raises(EnvironmentFault, match="cannot write"):
        atomic.sync_disk(tmp_path / "gone")
