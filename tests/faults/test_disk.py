"""Fault 5: full, broken, read-only and limited disks: exit 3 with a remedy, nothing half made, resume to the
same bytes.
"""

from __future__ import annotations

import errno
import io
import os
import random
import re
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARD_SIZE, MakeSet
from photos import hashes

from maskgen.errors import EXIT_ENVIRONMENT, EnvironmentFault
from maskgen.io import atomic, exclusive
from maskgen.io.atomic import file_sha256
from maskgen.shards import naming
from maskgen.shards.record import read_records

pytestmark = pytest.mark.faults

SEED = 20261123
ROOM = "64m"
FULL = r"No space left on device[\s\S]*[\d,]+ bytes are free"
REMEDY = "run the same command again"


@dataclass(frozen=True)
class Ended:
    """How a `maskgen run` process ended."""

    status: int
    errors: str


@pytest.fixture
def start(photos: Path) -> Callable[..., Ended]:
    """`maskgen run` as its own process, as a user starts it."""

    def run(output: Path, *options: str, limit_bytes: int = 0) -> Ended:
        def limited() -> None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, limit_bytes))

        command = [sys.executable, "-m", "maskgen.cli", "run", "--dataset", "folder", "--input", str(photos)]
        command += ["--output", str(output), "--method", "box", "--shard-size", str(SHARD_SIZE)]
        command += ["--max-failures", "100%", "--workers", "2", *options]
        done = subprocess.run(  # noqa: PLW1510 - the status is what is tested
            command, capture_output=True, text=True, timeout=120, preexec_fn=limited if limit_bytes else None
        )
        return Ended(done.returncode, done.stderr)

    return run


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """A small disk of its own: ``disk("size=40k")`` mounts it, again changes its options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        mounted = os.path.ismount(place)
        words = [
            "mount",
            "-t",
            "tmpfs",
            "-o",
            f"remount,{options}" if mounted else options,
            "tmpfs",
            str(place),
        ]
        try:
            done = subprocess.run(words, check=False, capture_output=True, text=True)
        except FileNotFoundError:
            pytest.skip("no mount here")
        if done.returncode and not mounted:
            pytest.skip(f"mounting a tmpfs is not permitted ({done.stderr.strip()})")
        assert done.returncode == 0, done.stderr
        return place

    yield mount
    if os.path.ismount(place):
        subprocess.run(["umount", str(place)], check=True)


def says_why(ended: Ended, reason: str) -> None:
    """Exit 3, one message with the reason and the remedy, no traceback."""
    assert ended.status == EXIT_ENVIRONMENT, ended.errors
    assert re.search(reason, ended.errors), ended.errors
    assert REMEDY in ended.errors
    assert "Traceback" not in ended.errors


def nothing_half_made(output: Path) -> None:
    """No partial file; what has a record is whole; what has none has no truncated tar."""
    if not output.exists():
        return
    assert not list(output.rglob("*.partial"))
    if (output / naming.RECORDS).exists():
        for record in read_records(output):
            for suffix, fact in record.files.items():
                assert file_sha256(output / f"{record.name}.{suffix}") == fact.sha256


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_full_disk_at_random_sizes(
    start: Callable[..., Ended],
    disk: Callable[[str], Path],
    make_set: MakeSet,
    clean: Path,
    want: dict[str, str],
    full_faults: bool,
) -> None:
    draw = random.Random(SEED)
    room = sum(path.stat().st_size for path in clean.rglob("*") if path.is_file())
    for number in range(100 if full_faults else 8):
        size = draw.randrange(8_000, room - 60_000)
        output = disk(f"size={size}") / "shards"
        if full_faults or number < 3:
            says_why(start(output), FULL)
        else:
            with pytest.raises(EnvironmentFault, match=FULL):
                make_set(output)
        nothing_half_made(output)
        disk(f"size={ROOM}")
        make_set(output)
        assert hashes(output) == want, f"disk {number} of {size} bytes, seed {SEED}"
        subprocess.run(["umount", str(output.parent)], check=True)


@pytest.mark.slow
def test_a_read_only_disk(
    start: Callable[..., Ended], disk: Callable[[str], Path], make_set: MakeSet, want: dict[str, str]
) -> None:
    output = disk(f"size={ROOM}") / "shards"
    disk("ro")
    says_why(start(output), "Read-only file system")
    disk("rw")
    make_set(output, task=(0, 2))
    before = hashes(output)
    disk("ro")
    says_why(start(output), "Read-only file system")
    assert hashes(output) == before
    disk("rw")
    make_set(output)
    assert hashes(output) == want


@pytest.mark.slow
def test_a_limit_on_the_size_of_files(
    start: Callable[..., Ended], make_set: MakeSet, want: dict[str, str], tmp_path: Path
) -> None:
    """`ulimit -f`: too low for a tar, and too low for the plan."""
    for limit in (100_000, 2_000):
        output = tmp_path / str(limit)
        says_why(start(output, limit_bytes=limit), "File too large")
        nothing_half_made(output)
        make_set(output)
        assert hashes(output) == want


@pytest.mark.slow
def test_a_full_disk_under_the_log(
    start: Callable[..., Ended], make_set: MakeSet, want: dict[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "shards"
    output.mkdir()
    (output / naming.LOG).symlink_to("/dev/full")
    says_why(start(output), FULL)
    nothing_half_made(output)
    (output / naming.LOG).unlink()
    make_set(output)
    assert hashes(output) == want


@pytest.mark.slow
def test_a_folder_that_may_not_be_written(start: Callable[..., Ended], tmp_path: Path) -> None:
    if os.geteuid() == 0:
        output = Path("/proc/maskgen/shards")  # not even root may make a folder there
    else:
        (tmp_path / "closed").mkdir(mode=0o500)
        output = tmp_path / "closed" / "shards"
    ended = start(output)
    assert ended.status == EXIT_ENVIRONMENT, ended.errors
    assert "Traceback" not in ended.errors


class Broken:
    """Counts the operations of the file layer, and fails the n-th, alone or with all after it."""

    def __init__(self, fail_at: float, code: int, *, lasting: bool, only: str = "") -> None:
        self.count = 0
        self.failed = False
        self._fail_at, self._code, self._lasting, self._only = fail_at, code, lasting, only

    def step(self, path: str) -> None:
        if self._only and self._only not in path:
            return
        self.count += 1
        if self.count == self._fail_at or (self._lasting and self.count > self._fail_at):
            self.failed = True
            raise OSError(self._code, os.strerror(self._code), path)

    def wrap(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(target: Any, *rest: Any, **options: Any) -> Any:
            self.step(_name(target))
            return real(target, *rest, **options)

        return call

    def open(self, path: Any, mode: str, **_: Any) -> Any:
        self.step(str(path))
        step = self.step

        class File(io.FileIO):
            def write(self, data: Any) -> int:
                step(str(path))
                return super().write(data) or 0

        return File(path, mode)


def _name(target: Any) -> str:
    return str(Path(f"/proc/self/fd/{target}").readlink()) if isinstance(target, int) else os.fsdecode(target)


@contextmanager
def failing(broken: Broken) -> Iterator[None]:
    """The file layer's open, write, fsync, link and replace go through `broken`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic, "open", broken.open, raising=False)
        for name in ("fsync", "link", "replace"):
            patch.setattr(os, name, broken.wrap(getattr(os, name)))
        yield


ERRORS = {
    errno.ENOSPC: "bytes are free",
    errno.EDQUOT: "bytes are free",
    errno.EIO: "Input/output error",
    errno.EROFS: "Read-only file system",
}


def fails(output: Path, broken: Broken, code: int, make_set: MakeSet) -> None:
    with failing(broken), pytest.raises(EnvironmentFault, match=ERRORS[code]) as caught:
        make_set(output)
    assert broken.failed
    assert REMEDY in str(caught.value)
    nothing_half_made(output)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("lasting", [False, True], ids=["once", "lasting"])
@pytest.mark.parametrize("code", ERRORS, ids=[errno.errorcode[code] for code in ERRORS])
def test_an_error_at_any_operation(
    code: int, lasting: bool, make_set: MakeSet, want: dict[str, str], tmp_path: Path, full_faults: bool
) -> None:
    counter = Broken(float("inf"), code, lasting=False)
    with failing(counter):
        make_set(tmp_path / "counted")
    points = range(1, counter.count + 1)
    chosen = points if full_faults else random.Random(SEED + code + lasting).sample(points, 6)
    for point in chosen:
        output = tmp_path / str(point)
        fails(output, Broken(point, code, lasting=lasting), code, make_set)
        make_set(output)
        assert hashes(output) == want, f"operation {point} of {counter.count}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [naming.PLAN, naming.PLAN_TABLE, naming.MANIFEST, "folder-train-000001.json"]
)
@pytest.mark.parametrize("point", [1, 2, 3])
def test_a_full_disk_at_each_file_of_the_data_set(
    name: str, point: int, make_set: MakeSet, want: dict[str, str], tmp_path: Path
) -> None:
    output = tmp_path / "shards"
    fails(output, Broken(point, errno.ENOSPC, lasting=True, only=name), errno.ENOSPC, make_set)
    make_set(output)
    assert hashes(output) == want


def without_links(patch: pytest.MonkeyPatch) -> None:
    """`os.link` answers as on vfat."""
    patch.setattr(os, "link", Broken(0, errno.EPERM, lasting=True).wrap(os.link))


@pytest.mark.slow
def test_a_disk_without_hard_links_gets_the_same_bytes(
    make_set: MakeSet, want: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch)
    make_set(tmp_path / "shards", task=(0, 2))
    make_set(tmp_path / "shards")
    assert hashes(tmp_path / "shards") == want


def test_a_disk_that_cannot_serve_says_so_before_anything_is_made(
    make_set: MakeSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_links(monkeypatch)
    monkeypatch.setattr(exclusive, "_RENAME_NOREPLACE", 1 << 20)  # no such flag: EINVAL, as FUSE answers
    with pytest.raises(EnvironmentFault, match="neither hard links") as caught:
        make_set(tmp_path / "shards")
    assert "another file system" in str(caught.value)
    assert REMEDY not in str(caught.value)
    assert hashes(tmp_path / "shards") == {}


def test_the_message_names_needed_and_free_bytes(make_set: MakeSet, tmp_path: Path) -> None:
    broken = Broken(2, errno.ENOSPC, lasting=True, only="folder-train-000000.tar")  # 1: open, 2: first sample
    with failing(broken), pytest.raises(EnvironmentFault) as caught:
        make_set(tmp_path / "shards")
    assert re.search(r"[\d,]+ bytes are free, [1-9][\d,]* bytes were needed", str(caught.value))
    assert "folder-train-000000.tar" in str(caught.value)
