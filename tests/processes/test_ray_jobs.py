"""Commands on a real Ray cluster of this machine: they end, fail, are asked to end and are lost."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ray", reason="ray is not installed")
import ray
from loopback import loopback_cluster

from maskgen.errors import EnvironmentFault
from maskgen.processes.places import Place
from maskgen.processes.ray_connection import connected
from maskgen.processes.ray_jobs import LOST, RayRoom, RemoteProcess, Runner
from maskgen.version import __version__

pytestmark = pytest.mark.slow
_WAIT_S = 200
HANG = "trap 'exit 75' TERM; touch {0}; while :; do sleep .05; done"
SHELL = "import os, sys; os.execvp('bash', ['bash', '-c', sys.argv[1]])"  # no process in between


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two nodes of one core each."""
    with loopback_cluster(2) as found, connected(found.address, 0, lambda _: None):
        yield


def wait(for_it: Callable[[], Any]) -> Any:
    last = time.monotonic() + _WAIT_S
    while (found := for_it()) is None:
        assert time.monotonic() < last
        time.sleep(0.05)
    return found


def ready(file: Path) -> Callable[[], Any]:
    return lambda: file.exists() or None


def take(room: RayRoom, count: int = 1) -> Place:
    place = room.take(count)
    assert place
    return place


def launch(room: RayRoom, place: Place, script: str, log: Path) -> RemoteProcess:
    return room.launch(["-c", SHELL, script], log, place)


@pytest.mark.usefixtures("cluster")
def test_a_command_runs_in_its_folder_and_its_status_comes_back(tmp_path: Path) -> None:
    room = RayRoom("cpu", 1, tmp_path)
    good, bad = take(room), take(room)
    assert good == bad == Place(("cpu",), threads=1)
    assert room.take(1) is None
    one = launch(room, good, "pwd; echo $OMP_NUM_THREADS $PYTHONSAFEPATH", tmp_path / "good.txt")
    two = launch(room, bad, "exit 3", tmp_path / "bad.txt")
    assert wait(one.poll) == 0
    assert (tmp_path / "good.txt").read_text().split() == [str(tmp_path), "1", "1"]
    assert wait(two.poll) == 3
    assert two.poll() == 3
    room.give_back(good)
    assert take(room) == good


@pytest.mark.usefixtures("cluster")
def test_a_command_is_asked_to_end_and_dies_with_its_node(tmp_path: Path) -> None:
    room = RayRoom("cpu", 1, tmp_path)
    asked, lost = take(room), take(room)
    one = launch(room, asked, HANG.format("one"), tmp_path / "one.txt")
    two = launch(room, lost, "echo $$ > two; exec sleep 1000", tmp_path / "two.txt")
    late = launch(room, asked, "touch late", tmp_path / "late.txt")
    wait(ready(tmp_path / "one"))
    wait(ready(tmp_path / "two"))
    assert (one.poll(), two.poll()) == (None, None)
    late.terminate()  # it waits for room
    assert late.poll() == -9
    one.terminate()
    assert wait(one.poll) == 75
    ray.kill(two._actor)
    assert wait(two.poll) == LOST
    assert "Error: the node was lost" in (tmp_path / "two.txt").read_text()
    number = int((tmp_path / "two").read_text())
    wait(lambda: None if Path(f"/proc/{number}").exists() else True)
    assert not (tmp_path / "late").exists()


@pytest.mark.usefixtures("cluster")
def test_what_the_cluster_lacks_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no node of the cluster has a GPU"):
        RayRoom("cuda", 1, tmp_path)
    with pytest.raises(EnvironmentFault, match="no node of the cluster has room for 2"):
        RayRoom("cpu", 1, tmp_path).take(2)


def test_a_node_says_what_it_cannot_see(tmp_path: Path) -> None:
    one = Runner()
    log = tmp_path / "log.txt"
    told = one.begin(__version__, tmp_path / "gone", ["-c", ""], log, 0)
    assert "cannot see the folder" in told
    assert "on a shared file system" in told
    assert one.begin("0.0", tmp_path, ["-c", ""], log, 0).endswith(f"has maskgen {__version__}, not 0.0")
    assert one.begin(__version__, tmp_path, ["-c", "print('said')"], log, 0) == ""
    assert wait(one.wait) == 0
    assert log.read_text() == "said\n"
