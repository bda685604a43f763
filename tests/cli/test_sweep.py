"""`train-ssl sweep` on tiny networks; trainings and tasks are forks of this process, but for the one that is
killed.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from experiment_kit import write_experiment
from fork_kit import Launcher, import_all
from loopback import loopback_cluster

from maskgen.errors import EXIT_DONE, EXIT_FAULTS, EXIT_INTERRUPTED, EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]
SHOWN = ("report.md", "report.html")


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Launcher:
    """Of trainings, and of tasks."""
    import_all()
    found = Launcher()
    monkeypatch.setattr("maskgen.cli.many.start_python", found)
    return found


@pytest.fixture
def words(tmp_path: Path, shards: Path, photo_folder: Path) -> list[str]:
    file = write_experiment(tmp_path)
    return ["sweep", str(file), "--data", f"shards={shards}", "--data", f"photos={photo_folder}"]


def states(output: Path) -> dict[str, str]:
    return {
        str(path.parent.relative_to(output)): json.loads(path.read_text())["state"]
        for path in output.rglob("cell.json")
    }


@pytest.mark.slow
def test_a_sweep_that_was_stopped_goes_on_and_shows_the_same_table(
    words: list[str], tmp_path: Path, launcher: Launcher, call_tool: Call
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    launcher.last["train-ssl"] = 3
    status, _, err = call_tool("train-ssl", *words, "--output", str(one))
    assert status == EXIT_INTERRUPTED
    assert launcher.names == [*["train-ssl", "eval-ssl", "eval-ssl"] * 2, "train-ssl"]
    assert "run the same command again" in err
    assert states(one)["plain/seed-0/training"] == "done"
    launcher.last = {"eval-ssl": 6}
    assert call_tool("train-ssl", *words, "--output", str(one))[0] == EXIT_INTERRUPTED
    launcher.last.clear()
    status, out, _ = call_tool("train-ssl", *words, "--output", str(one))
    assert status == EXIT_DONE
    assert out == (one / "report.md").read_text()
    launcher.names.clear()
    assert call_tool("train-ssl", *words, "--output", str(two), "--jobs", "2")[0] == EXIT_DONE
    assert (launcher.count("train-ssl"), launcher.count()) == (4, 8)
    assert set(states(two).values()) == {"done"}
    for name in SHOWN:
        assert (one / name).read_bytes() == (two / name).read_bytes()
    assert call_tool("train-ssl", *words, "--output", str(two))[0] == EXIT_DONE
    assert len(launcher.names) == 12
    check_table(two)


def check_table(output: Path) -> None:
    """Each mean is that of the seeds' results, and the paper's figures are beside."""
    rows = json.loads((output / "report.json").read_text())["tables"][0]["rows"]
    for arm, row in zip(("plain", "bg-rm"), rows, strict=False):
        results = [
            json.loads((output / f"{arm}/seed-{seed}/probe/seed-0/linear.json").read_text())["top1"]
            for seed in (0, 1)
        ]
        assert row["entries"][0]["values"] == results
        assert row["entries"][0]["sem"] == pytest.approx(abs(results[0] - results[1]) / 2)
    assert [row["entries"][0]["published"] for row in rows] == ["70.1", "71.2 ± 0.1", "80.0"]
    page = (output / "report.md").read_text()
    assert "Published figures: Somebody et al., A paper; Table 1." in page
    assert "Not there" not in page


def children(number: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{number}/task/{number}/children").read_text().split()]


def wait(for_it: Callable[[], object]) -> None:
    last = time.monotonic() + 120
    while not for_it():
        assert time.monotonic() < last
        time.sleep(0.02)


@pytest.fixture
def started(words: list[str], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A sweep in a process, whose trainings are processes too."""
    words += ["--arms", "plain", "--seeds", "1", "--output"]
    command = [sys.executable, "-m", "maskgen.trainers", *words, str(tmp_path / "killed")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as process:
        yield process
        process.kill()


@pytest.mark.slow
@pytest.mark.faults
def test_a_sweep_that_was_killed_takes_its_training_along_and_goes_on(
    words: list[str],
    started: subprocess.Popen[bytes],
    tmp_path: Path,
    launcher: Launcher,
    call_tool: Call,
) -> None:
    output = tmp_path / "killed"
    wait(lambda: list(output.rglob("step-*.pt")))
    (training,) = children(started.pid)
    os.kill(started.pid, signal.SIGKILL)
    wait(lambda: not Path(f"/proc/{training}").exists())
    assert states(output) == {"plain/seed-0/training": "begun"}
    assert call_tool("train-ssl", *words, str(output))[0] == EXIT_DONE
    assert "going on" in (output / "plain/seed-0/training/log.txt").read_text()
    assert call_tool("train-ssl", *words, str(tmp_path / "whole"))[0] == EXIT_DONE
    for name in SHOWN:
        assert (output / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.slow
def test_a_failed_arm_stops_no_other_and_is_told(
    words: list[str], tmp_path: Path, launcher: Launcher, call_tool: Call
) -> None:
    write_experiment(tmp_path, "settings = { epochs = 2,", "settings = { lr = 1e12, epochs = 2,")
    output = tmp_path / "out"
    status, out, err = call_tool("train-ssl", *words, "--output", str(output), "--smoke", "--seeds", "1")
    assert status == EXIT_FAULTS, err
    assert "bg-rm/seed-0 FAILED: train-ssl: " in err
    assert "bg-rm/seed-0/probe/seed-0: it needs the training bg-rm/seed-0, which has failed" in err
    assert "3 of 6 failed; run the same command again" in err
    assert "Two arms (smoke size: the figures mean nothing)" in out
    assert states(output)["plain/seed-0/probe/seed-0"] == "done"
    write_experiment(tmp_path)
    status, _, err = call_tool("train-ssl", *words, "--output", str(output), "--smoke", "--seeds", "1")
    assert status == EXIT_USAGE
    assert "bg-rm/seed-0: preset.lr: 1000000000000.0 -> 0.05" in err
    again = [*words, "--output", str(output), "--smoke", "--seeds", "1", "--changed", "again"]
    before = launcher.count("train-ssl")
    assert call_tool("train-ssl", *again)[0] == EXIT_DONE
    assert launcher.count("train-ssl") == before + 1
    check_report_alone(words[1], output, launcher, call_tool)


def check_report_alone(file: str, output: Path, launcher: Launcher, call_tool: Call) -> None:
    """The report needs neither the data nor the other options, and starts nothing."""
    before, count = (output / "report.md").read_bytes(), len(launcher.names)
    (output / "report.md").unlink()
    status, out, _ = call_tool("train-ssl", "sweep", file, "--output", str(output), "--report")
    assert status == EXIT_DONE
    assert out.encode() == before == (output / "report.md").read_bytes()
    assert len(launcher.names) == count


@pytest.mark.slow
def test_results_of_weights_that_are_gone_are_refused(
    words: list[str], tmp_path: Path, launcher: Launcher, call_tool: Call
) -> None:
    output = tmp_path / "out"
    few = [*words, "--output", str(output), "--smoke", "--seeds", "1", "--arms", "plain"]
    assert call_tool("train-ssl", *few)[0] == EXIT_DONE
    record = output / "plain/seed-0/probe/seed-0/cell.json"
    record.write_text(record.read_text().replace('"weights": "', '"weights": "0'))
    (output / "plain/seed-0/training/run/backbone.safetensors").unlink()
    status, _, err = call_tool("train-ssl", *few)
    assert status == EXIT_FAULTS
    assert "plain/seed-0/probe/seed-0: 1 of 1 cells were made with other settings" in err
    assert "1 of 3 failed" in err
    assert states(output)["plain/seed-0/training"] == "done"
    assert call_tool("train-ssl", *few, "--changed", "again")[0] == EXIT_DONE


@pytest.mark.slow
def test_arms_are_chosen_and_tasks_without_data_left_out(
    words: list[str], tmp_path: Path, launcher: Launcher, call_tool: Call
) -> None:
    few = [*words[:4], "--smoke", "--seeds", "1", "--arms", "plain", "--output", str(tmp_path / "out")]
    status, out, err = call_tool("train-ssl", *few)
    assert status == EXIT_DONE
    assert launcher.names == ["train-ssl"]
    assert "the task probe is left out: --data photos=PLACE was not given: photos, a folder a class" in err
    assert "- `neighbors`: --data photos=PLACE was not given" in out


@pytest.mark.slow
def test_a_sweep_on_a_cluster_shows_the_same_table(
    words: list[str], tmp_path: Path, launcher: Launcher, call_tool: Call
) -> None:
    pytest.importorskip("ray", reason="ray is not installed")
    words += ["--smoke", "--seeds", "1", "--arms", "plain", "--output"]
    assert call_tool("train-ssl", *words, str(tmp_path / "here"))[0] == EXIT_DONE
    output = tmp_path / "there"
    with loopback_cluster(2) as cluster:
        status, out, err = call_tool("train-ssl", *words, str(output), "--ray-address", cluster.address)
    assert status == EXIT_DONE, err
    assert out == (tmp_path / "here" / "report.md").read_text()
    assert len(launcher.names) == 3, "those of this machine"
    assert set(states(output).values()) == {"done"}


@pytest.mark.slow
def test_a_training_of_two_ranks_is_one_of_the_sweep(
    words: list[str], tmp_path: Path, launcher: Launcher, call_tool: Call
) -> None:
    output = tmp_path / "ranks"
    more = ["--smoke", "--seeds", "1", "--arms", "plain", "--devices-per-training", "2", "--jobs", "2"]
    status, _, err = call_tool("train-ssl", *words, "--output", str(output), *more)
    assert status == EXIT_DONE, err
    assert launcher.names[-3:] == ["torchrun", "eval-ssl", "eval-ssl"]
    assert " ranks 2 " in (output / "plain/seed-0/training/log.txt").read_text()
    row = json.loads((output / "report.json").read_text())["tables"][0]["rows"][0]
    assert [len(entry["values"]) for entry in row["entries"]] == [1, 1]


def test_a_dry_run_says_each_command(words: list[str], tmp_path: Path, call_tool: Call) -> None:
    status, out, _ = call_tool("train-ssl", *words, "--output", str(tmp_path / "out"), "--dry-run")
    assert status == EXIT_DONE
    assert out.count("to do ") == 4 + 8
    assert "train-ssl mocov2 --preset smoke --set recipe=mocov2-bg-rm --set view_px=24 --set epochs=2" in out
    assert f"eval-ssl knn --data {words[-1].partition('=')[2]} --k 5" in out
    assert not (tmp_path / "out").exists()
    status, out, _ = call_tool("train-ssl", *words[:4], "--output", str(tmp_path / "out"), "--dry-run")
    assert "left out neighbors: --data photos=PLACE was not given" in out


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--arms", "plian"], "did you mean 'plain'?"),
        (["--devices", "gpu"], "--devices got 'gpu'"),
        (["--data", "photo=x"], "did you mean 'photos'?"),
        (["--report"], "no sweep was run here"),
    ],
)
def test_mistakes_are_told_before_anything_runs(
    words: list[str], tmp_path: Path, call_tool: Call, more: list[str], told: str
) -> None:
    status, _, err = call_tool("train-ssl", *words, "--output", str(tmp_path / "out"), *more)
    assert status == EXIT_USAGE
    assert told in err
    assert not (tmp_path / "out").exists()


def test_data_of_trainings_must_be_given(words: list[str], tmp_path: Path, call_tool: Call) -> None:
    status, _, err = call_tool("train-ssl", *words[:2], "--output", str(tmp_path / "out"))
    assert status == EXIT_USAGE
    assert "--data lacks 'shards'" in err
    assert "trainings need it: shards of anything" in err
