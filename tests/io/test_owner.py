"""Unfinished files are swept when their owners are gone, seen from whatever namespace, machine or mount."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from maskgen.io import atomic, owner
from maskgen.io.atomic import PartialFile, partial_name, sweep_partials
from maskgen.io.owner import LEASE_S, claim_abandoned, is_local, owner_name

SWEEP = (
    "import sys, pathlib; from maskgen.io.atomic import sweep_partials\n"
    "print(sweep_partials(pathlib.Path(sys.argv[1])))"
)
HOLD = (
    "import sys, pathlib; from maskgen.io.atomic import PartialFile\n"
    "with PartialFile(pathlib.Path(sys.argv[1], 'theirs.tar')): print('held', flush=True); sys.stdin.read()"
)


def elsewhere() -> list[str]:
    """The words in front of a command that is to run in a PID namespace of its own."""
    words = ["unshare", *([] if os.geteuid() == 0 else ["--user", "--map-root-user"])]
    words += ["--pid", "--fork", "--kill-child", "--mount-proc"]
    try:
        subprocess.run([*words, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no PID namespace can be made here ({error})")
    return words


def named(folder: Path, **parts: str) -> Path:
    """An empty partial file of an owner that differs from this process in some parts of its name."""
    own = dict(zip(("host", "place", "pid", "start"), owner_name().rsplit("-", 3), strict=True))
    path = folder / f".a.tar.{'-'.join({**own, **parts}.values())}-00112233.partial"
    path.touch()
    return path


def abandoned(path: Path, now: float | None = None) -> bool:
    with claim_abandoned(path, now) as found:
        return found


@contextmanager
def locked(path: Path) -> Iterator[None]:
    with path.open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file system looks like one that several machines mount, which may not see each other's locks."""
    monkeypatch.setattr(owner, "is_local", lambda _: False)


@pytest.mark.slow
@pytest.mark.parametrize("locks", [True, False], ids=["with locks", "locks unseen"])
def test_a_sweep_in_another_pid_namespace_spares_the_living(
    locks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There this process's number is nobody's."""
    if not locks:
        monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    blind = "" if locks else "from maskgen.io import owner; owner.is_local = lambda _: False; "
    with PartialFile(tmp_path / "mine.tar") as mine:
        command = [*elsewhere(), sys.executable, "-c", blind + SWEEP, str(tmp_path)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stdout.split() == ["0"]
        assert mine.path.exists()


@pytest.mark.slow
def test_files_of_another_pid_namespace_are_spared_while_it_lives_and_swept_when_it_is_dead(
    tmp_path: Path,
) -> None:
    command = [*elsewhere(), sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        assert sweep_partials(tmp_path) == 0
        first = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        os.kill(int(first), signal.SIGKILL)
    assert sweep_partials(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("shared")
def test_a_process_of_this_place_is_known_by_its_number_and_its_start(tmp_path: Path) -> None:
    assert not abandoned(named(tmp_path))
    assert abandoned(named(tmp_path, pid="999999999")), "no process has that number"
    assert abandoned(named(tmp_path, start="1")), "the number was given away again"
    assert not abandoned(named(tmp_path, host="renamed"))


@pytest.mark.usefixtures("shared")
def test_a_process_that_has_ended_and_was_not_waited_for_is_gone(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdin=-1, stdout=-1) as process:
        assert process.stdout
        assert process.stdout.readline()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        assert sweep_partials(tmp_path) == 1


@pytest.mark.usefixtures("shared")
def test_on_a_shared_file_system_an_owner_elsewhere_has_a_day(tmp_path: Path) -> None:
    """A clone of this machine after another boot, or a container: its host name and numbers may be ours."""
    path = named(tmp_path, place="0" * 8, pid="999999999")
    written = path.stat().st_mtime
    assert not abandoned(path, written + LEASE_S - 1)
    assert abandoned(path, written + LEASE_S + 1)
    with locked(path):
        assert not abandoned(path, written + LEASE_S + 1), "slow, but its lock is held"


@pytest.mark.usefixtures("shared")
def test_a_lock_is_believed_though_the_name_says_dead(tmp_path: Path) -> None:
    """Two machines resumed from one snapshot have one boot id: only the lock tells them apart."""
    path = named(tmp_path, pid="999999999")
    with locked(path):
        assert not abandoned(path)
    assert abandoned(path)


def test_on_a_local_file_system_the_lock_alone_tells(tmp_path: Path) -> None:
    if not is_local(tmp_path):
        pytest.skip("the scratch folder is on a shared file system")
    path = named(tmp_path, place="0" * 8)
    with locked(path):
        assert not abandoned(path)
    assert abandoned(path), "a container that has ended, or the boot before this one"


def test_without_locks_the_name_and_the_lease_decide(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unsupported(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "no locks here")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    assert not abandoned(named(tmp_path))
    assert abandoned(named(tmp_path, pid="999999999"))
    assert not abandoned(named(tmp_path, place="0" * 8))
    with PartialFile(tmp_path / "mine.tar") as mine:
        assert sweep_partials(tmp_path) == 1
        assert mine.path.exists()


def test_a_name_that_tells_no_owner_waits_for_the_lease(tmp_path: Path, shared: None) -> None:
    path = tmp_path / ".a.tar.vm-12-0011.partial"  # as this project's first versions named them
    path.touch()
    assert not abandoned(path)
    assert abandoned(path, path.stat().st_mtime + LEASE_S + 1)


def test_what_is_claimed_is_not_claimed_twice(tmp_path: Path) -> None:
    path = named(tmp_path, pid="999999999")
    with claim_abandoned(path) as first, claim_abandoned(path) as second:
        assert (first, second) == (True, False)
    assert not abandoned(tmp_path / "absent")


def test_a_dotted_host_name_stays_one_word(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("socket.gethostname", lambda: "node-7.cluster.example")
    path = partial_name(tmp_path / "coco-train-000000.tar")
    assert path.name.startswith(".coco-train-000000.tar.node-7_cluster_example-")
    path.touch()
    assert not abandoned(path)


def test_pseudo_file_systems_are_not_local() -> None:
    assert not is_local(Path("/proc"))
    assert not is_local(Path("/absent"))


def test_a_file_that_a_sweep_looks_at_as_it_is_made_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[int] = []

    def take_late(descriptor: int) -> bool:
        """Lock it, the first time while another has it open and locked."""
        if looks:
            return owner.take(descriptor)
        looks.append(os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR))
        fcntl.flock(looks[0], fcntl.LOCK_EX)
        taken = owner.take(descriptor)
        os.close(looks[0])
        return taken

    monkeypatch.setattr(atomic, "take", take_late)
    with PartialFile(tmp_path / "a") as file:
        file.write(b"abc")
        file.put()
    assert looks
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
