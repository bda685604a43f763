"""`eval-ssl suite` on real tasks and tiny networks; tasks are forks of this process, so that all is quick."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from fork_kit import Launcher, import_all

from maskgen.errors import EXIT_DONE, EXIT_FAULTS, EXIT_INTERRUPTED, EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]
REPORTS = ("report.json", "report.md", "report.html")
TEXT = """
title = "Two networks"
seeds = [0, 1]
defaults = { data = "photos", side = 32, threads = 1 }
checkpoint = [
  { name = "one", source = "random", backbone = "tiny" },
  { name = "two", source = "random", backbone = "tiny" },
]
task = [
  { name = "judged", command = "linear", seeds = [0], options = { head = "probe" } },
  { name = "neighbors", command = "knn", options = { k = [1, 5] } },
  { name = "probe", command = "linear", options = { epochs = 2, views = -1, head-batch = 16 } },
]

[[table]]
title = "Accuracy"
column = [
  { name = "5-NN", task = "neighbors", metric = "knn_5" },
  { name = "linear", task = "probe", metric = "top1" },
  { name = "all", task = "judged", metric = "top1" },
]
"""


@pytest.fixture
def launcher(monkeypatch: pytest.MonkeyPatch) -> Launcher:
    import_all()
    found = Launcher()
    monkeypatch.setattr("maskgen.cli.many.start_python", found)
    return found


@pytest.fixture
def file(tmp_path: Path, photo_folder: Path) -> Path:
    shutil.copytree(photo_folder, tmp_path / "photos")
    path = tmp_path / "suite.toml"
    path.write_text(TEXT)
    return path


@pytest.mark.slow
def test_a_suite_that_was_killed_goes_on_and_reports_the_same(
    file: Path, tmp_path: Path, launcher: Launcher, call_tool: Call
) -> None:
    launcher.last["eval-ssl"] = 4
    words = ["suite", str(file), "--output"]
    status, _, err = call_tool("eval-ssl", *words, str(tmp_path / "one"))
    assert (status, launcher.count()) == (EXIT_INTERRUPTED, 4)
    assert "run the same command again" in err
    done = [json.loads(path.read_text())["state"] for path in (tmp_path / "one").rglob("cell.json")]
    assert done.count("done") in (3, 4)
    launcher.last.clear()
    assert call_tool("eval-ssl", *words, str(tmp_path / "one"))[0] == EXIT_DONE
    launcher.names.clear()
    assert call_tool("eval-ssl", *words, str(tmp_path / "two"), "--jobs", "3")[0] == EXIT_DONE
    assert launcher.count() == 10
    for name in REPORTS:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    content = json.loads((tmp_path / "two/report.json").read_text())
    entry = content["tables"][0]["rows"][0]["entries"][1]
    singles = [
        json.loads((tmp_path / f"two/one/probe/seed-{seed}/linear.json").read_text())["top1"]
        for seed in (0, 1)
    ]
    assert entry["values"] == singles
    status, _, err = call_tool("eval-ssl", *words, str(tmp_path / "two"))
    assert (status, launcher.count()) == (EXIT_DONE, 10)
    assert "0 of 10 to do" in err


@pytest.mark.slow
def test_features_are_computed_once_for_all_tasks_of_a_checkpoint(
    file: Path, tmp_path: Path, launcher: Launcher, call_tool: Call
) -> None:
    """Of a random network each seed is another one; the tasks of a seed share its features of all images."""
    far = 'task = [\n  { name = "far", command = "knn", options = { k = [9] } },'
    file.write_text(TEXT.replace("task = [", far, 1).replace("seeds = [0], ", "").replace("[0, 1]", "[3]", 1))
    assert call_tool("eval-ssl", "suite", str(file), "--output", str(tmp_path / "out"), "--jobs", "4")[0] == 0
    shared = (tmp_path / "out/one/features").glob("*.json")
    counts = sorted(json.loads(path.read_text())["images"] for path in shared)
    assert counts == [11, 43, 54]  # those held out, the others, all
    assert not list((tmp_path / "out/one/far/seed-3").glob("features"))


@pytest.mark.slow
def test_failures_are_told_at_the_end_and_changes_refused(
    file: Path, tmp_path: Path, launcher: Launcher, call_tool: Call
) -> None:
    file.write_text(TEXT.replace('name = "two", source = "random"', 'name = "two", source = "suite.toml"'))
    words = ["suite", str(file), "--output", str(tmp_path / "out")]
    status, _, err = call_tool("eval-ssl", *words)
    assert status == EXIT_FAULTS
    assert "two/judged/seed-0: it needs two/probe/seed-0, which has failed" in err
    assert "5 of 10 failed; run the same command again" in err
    assert "two/judged/seed-0" in (tmp_path / "out/report.md").read_text()
    file.write_text(TEXT.replace("[1, 5]", "[1, 5, 7]"))
    status, _, err = call_tool("eval-ssl", *words)
    assert status == EXIT_USAGE
    assert "one/neighbors/seed-0: options.ks: [1, 5] -> [1, 5, 7]" in err
    count = launcher.count()
    assert call_tool("eval-ssl", *words, "--changed", "again")[0] == EXIT_DONE
    assert launcher.count() - count == 5 + 2
    file.write_text(TEXT.replace("[1, 5]", "[1, 5, 7]").replace("knn_5", "knn_55"))
    status, _, err = call_tool("eval-ssl", *words)
    assert status == EXIT_FAULTS
    assert "did you mean 'knn_5'?" in err


def test_a_dry_run_says_each_command(file: Path, tmp_path: Path, call_tool: Call) -> None:
    status, out, _ = call_tool("eval-ssl", "suite", str(file), "--output", str(tmp_path / "out"), "--dry-run")
    assert status == EXIT_DONE
    assert out.count("to do") == 10
    assert (
        "eval-ssl knn --k 1,5 --data photos --side 32 --threads 1 --checkpoint random --backbone tiny" in out
    )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("k = [1, 5]", "temprature = 1", "did you mean 'temperature'?"),
        ('command = "knn"', 'command = "kn"', "did you mean 'knn'?"),
        ("epochs = 2", "epochs = -2", "-2 is not in the range"),
        ('data = "photos"', 'data = "photo"', "'photo' does not exist"),
        ("threads = 1 }", "treads = 1 }", "did you mean 'threads'?"),
        ("epochs = 2", "listed = true", "linear has no option 'listed'"),
    ],
)
def test_mistakes_are_told_before_anything_runs(
    file: Path, tmp_path: Path, call_tool: Call, old: str, new: str, told: str
) -> None:
    assert old in TEXT
    file.write_text(TEXT.replace(old, new, 1))
    status, _, err = call_tool("eval-ssl", "suite", str(file), "--output", str(tmp_path / "out"))
    assert status == EXIT_USAGE
    assert told in err
    assert not (tmp_path / "out").exists()


def test_devices_are_known(file: Path, tmp_path: Path, call_tool: Call) -> None:
    words = ["suite", str(file), "--output", str(tmp_path / "out"), "--devices"]
    for device in ("gpu", "cpu:0", "cuda:x"):
        status, _, err = call_tool("eval-ssl", *words, device)
        assert status == EXIT_USAGE
        assert f"--devices got '{device}'" in err
