"""Shards made by the nodes of a real Ray cluster on loopback: those of the local executor, whatever dies."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loopback import (
    add_node,
    kill_node,
    loopback_cluster,
    make,
    make_gated,
    make_poisoned,
    make_slow,
    patience,
    settings,
)
from stage_kit import photo

from maskgen.errors import Interrupted
from maskgen.pipelines import running
from maskgen.processes.ray_connection import connected

pytestmark = [
    pytest.mark.slow,
    pytest.mark.faults,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not importlib.util.find_spec("ray"), reason="ray is not installed"),
]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with loopback_cluster(2) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import cv2

    folder = tmp_path_factory.mktemp("photos")
    for number in range(12):
        cv2.imwrite(str(folder / f"p{number:02d}.jpg"), photo(number))
    (folder / "p03.jpg").write_bytes(b"no picture")
    return folder


def contents(output: Path) -> dict[str, bytes]:
    """Every file but the log."""
    files = (path for path in output.rglob("*") if path.is_file() and path.name != "run.log.jsonl")
    return {str(path.relative_to(output)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def want(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of the local executor."""
    output = tmp_path_factory.mktemp("local") / "out"
    make(photos, output)
    return contents(output)


def test_where_no_cluster_is_one_is_started_and_ends_with_the_run() -> None:
    said: list[str] = []
    with settings(), patience():
        import ray

        names = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
        handlers = [signal.getsignal(name) for name in names]
        with connected("auto", 3, said.append):
            assert ray.cluster_resources()["CPU"] == 3
            assert handlers == [signal.getsignal(name) for name in names]
        assert not ray.is_initialized()
    assert said == ["no Ray cluster is there: one is started on this machine, with 3 cores"]


def test_two_nodes_make_the_bytes_of_one_machine_and_a_poison_photo_costs_one_photo(
    cluster: Any, photos: Path, tmp_path: Path
) -> None:
    make(photos, tmp_path / "local", running.RunOptions(make_stages=make_poisoned))
    seen: list[running.Progress] = []
    said: list[str] = []
    options = running.RunOptions(make_stages=make_poisoned, report=seen.append, say=said.append)
    outcome = make(photos, tmp_path / "ray", options, executor="ray", ray_address=cluster.address)
    assert contents(tmp_path / "ray") == contents(tmp_path / "local")
    bad = {row["path"]: row["error"] for row in running.failures(tmp_path / "ray")}
    assert set(bad) == {"p03.jpg", "p07.jpg"}
    assert bad["p07.jpg"].startswith("crash")
    assert (outcome.exit_code, outcome.progress.done, outcome.progress.failed) == (0, 12, 2)
    assert max(len(at.node_rates) for at in seen) == 2
    assert not [text for text in said if "lost" in text or "left out" in text], said


def newest(cluster: Any) -> Any:
    """A node beside the head."""
    return max(cluster.worker_nodes, key=lambda node: node.all_processes["raylet"][0].process.pid)


def test_a_node_is_killed_another_is_added_and_takes_work(
    cluster: Any,
    photos: Path,
    want: dict[str, bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    said: list[str] = []
    steps: list[set[str]] = []

    def disturb(at: running.Progress) -> None:
        nodes = set(at.node_rates)
        if not steps and len(nodes) == 2:
            steps.append(nodes)
            kill_node(cluster, newest(cluster))
            add_node(cluster)
        elif len(steps) == 1 and said and len(nodes) == 2 and nodes != steps[0]:
            steps.append(nodes)
            (tmp_path / "gate").touch()

    options = running.RunOptions(make_stages=make_gated, report=disturb, say=said.append)
    outcome = make(photos, tmp_path / "out", options, executor="ray", ray_address=cluster.address)
    assert contents(tmp_path / "out") == want
    assert [text for text in said if "was lost; 1 shard of it" in text], said
    assert "aylet" not in capsys.readouterr().out, "Ray tells of it on standard output"
    (added,) = steps[1] - steps[0]
    assert outcome.progress.node_rates[added] > 0


class Killer:
    """Opens the gate when two nodes hold shards, and kills one of them when some photos are done."""

    def __init__(self, cluster: Any, gate: Path, after: int, delay_s: float) -> None:
        self.gate, self.after = gate, after
        self.timer = threading.Timer(delay_s, kill_node, (cluster, newest(cluster)))

    def __call__(self, at: running.Progress) -> None:
        if len(at.node_rates) == 2:
            self.gate.touch()
        if at.done >= self.after and self.gate.exists() and not self.timer.ident:
            self.timer.start()


@pytest.mark.timeout(3600)
def test_nodes_killed_at_random_times_while_they_are_at_work(
    cluster: Any, photos: Path, want: dict[str, bytes], tmp_path: Path, full_faults: bool
) -> None:
    if not full_faults:
        pytest.skip("20 kills at random times are for --faults=full; the test above has one")
    draw = random.Random(20261129)
    held = 0
    for number in range(20):
        said: list[str] = []
        gate = tmp_path / str(number) / "gate"
        killer = Killer(cluster, gate, draw.randrange(8), draw.uniform(0.0, 0.3))
        options = running.RunOptions(make_stages=make_gated, report=killer, say=said.append)
        output = gate.with_name("out")
        make(photos, output, options, executor="ray", ray_address=cluster.address)
        killer.timer.join()
        assert contents(output) == want, f"kill {number}, {said}"
        assert not list(output.rglob("*.partial"))
        held += any("was lost" in text and "0 shards" not in text for text in said)
        add_node(cluster)
    assert held >= 15, "the others came when the node had nothing to do"


def test_a_killed_driver_is_resumed_and_a_stopped_one_says_so(
    cluster: Any, photos: Path, want: dict[str, bytes], tmp_path: Path
) -> None:
    output = tmp_path / "out"
    script = Path(__file__).parents[2] / "loopback.py"
    command = [sys.executable, str(script), "slow", str(photos), str(output), cluster.address]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    while not list(output.glob("records/*.json")) and process.poll() is None:
        time.sleep(0.05)
    process.kill()
    errors = process.communicate()[1].decode()
    assert 1 <= len(list(output.glob("records/*.json"))) < 6, errors

    def stop(at: running.Progress) -> None:
        if at.done > at.resumed and not asked:
            asked.append(time.monotonic())
            os.kill(os.getpid(), signal.SIGTERM)

    asked: list[float] = []
    options = running.RunOptions(make_stages=make_slow, report=stop)
    with pytest.raises(Interrupted, match="run the same command again"):
        make(photos, output, options, executor="ray", ray_address=cluster.address)
    assert time.monotonic() - asked[0] < 20
    assert len(list(output.glob("records/*.json"))) < 6
    make(photos, output, executor="ray", ray_address=cluster.address)
    assert contents(output) == want


def test_without_its_head_a_run_ends_with_a_sentence_and_is_resumed(
    photos: Path, want: dict[str, bytes], tmp_path: Path
) -> None:
    """In a process of its own, since Ray ends one that has had no head for a minute."""
    output = tmp_path / "out"
    with loopback_cluster(2) as lost:
        command = [sys.executable, str(Path(__file__).parents[2] / "loopback.py"), "gated"]
        process = subprocess.Popen(
            [*command, str(photos), str(output), lost.address], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert process.stdout
        for line in process.stdout:
            if line == b"nodes: 2\n":
                break
        lost.head_node.all_processes["gcs_server"][0].process.kill()
        errors = process.communicate()[1].decode()
        assert process.returncode == 75, errors
        assert "the head of the Ray cluster is gone" in errors
        assert "run the same command again to resume" in errors
    make(photos, output)
    assert contents(output) == want
