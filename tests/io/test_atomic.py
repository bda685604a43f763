from __future__ import annotations

import errno
import hashlib
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from maskgen.errors import EnvironmentFault
from maskgen.io import atomic


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


def test_sweep_removes_partials_of_dead_processes_only(tmp_path: Path) -> None:
    child = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    dead = int(child.stdout)
    host = socket.gethostname()
    names = {
        f".a.tar.{host}-{dead}-0011.partial": True,
        f".a.tar.{host}-{os.getpid()}-0011.partial": False,
        f".a.tar.elsewhere-{dead}-0011.partial": False,
    }
    for name in names:
        (tmp_path / name).touch()
    assert atomic.sweep_partials(tmp_path) == 1
    assert {name: not (tmp_path / name).exists() for name in names} == names


def test_sweep_removes_anybodys_partials_after_the_lease(tmp_path: Path) -> None:
    path = tmp_path / ".a.tar.elsewhere-1-0011.partial"
    path.touch()
    assert atomic.sweep_partials(tmp_path, now=path.stat().st_mtime + atomic.LEASE_S - 1) == 0
    assert atomic.sweep_partials(tmp_path, now=path.stat().st_mtime + atomic.LEASE_S + 1) == 1


def test_partial_names_are_recognized_by_the_sweep(tmp_path: Path) -> None:
    """The name made for this process is not swept while it lives."""
    path = atomic.partial_name(tmp_path / "coco-train-000000.tar")
    path.touch()
    assert atomic.sweep_partials(tmp_path) == 0
    assert path.exists()


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
