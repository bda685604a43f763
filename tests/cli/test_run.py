"""`maskgen run` as a user meets it: what it says, and which mistakes it answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]
Words = Callable[[Path], list[str]]


def test_running_again_does_nothing_and_says_so(call: Call, run_words: Words, data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in data.glob("*.tar")}
    status, out, err = call("run", *run_words(data.parent), "--shard-size", "3")
    assert status == 1
    assert "nothing left to make, 5 images were there already" in out
    assert "over the failure budget of 1%" in err
    assert {path: path.stat().st_mtime_ns for path in data.glob("*.tar")} == before


@pytest.mark.slow
def test_options_without_effect_are_named_once(
    call: Call, run_words: Words, data: Path, tmp_path: Path
) -> None:
    words = run_words(data.parent)
    words[words.index("--output") + 1] = str(tmp_path / "s")
    unused = ["--weights", "none.pth", "--device", "cuda", "--resize", "official"]
    status, _, err = call(
        "run", *words, "--limit", "2", *unused, "--background", "none", "--background-side", "9"
    )
    assert status == 0
    assert [line for line in err.splitlines() if "no effect" in line] == [
        "maskgen: note: --weights, --resize, --device: no effect, box has no network",
        "maskgen: note: --background-side: no effect, no backgrounds are made",
    ]
    status, _, err = call("run", *words, "--limit", "2", "--device", "cpu")
    assert "no effect" not in err  # what is said anyway is no news


@pytest.mark.slow
def test_a_configuration_file_and_flags_over_it(call: Call, data: Path, tmp_path: Path) -> None:
    config = tmp_path / "run.toml"
    config.write_text('dataset = "folder"\nmethod = "box"\nlimit = 3\nworkers = 1\nbackground = "none"\n')
    words = [
        "run",
        "--config",
        config,
        "--input",
        data.parent / "photos",
        "--output",
        tmp_path / "s",
        "--limit",
        "2",
    ]
    status, out, _ = call(*words, "--json")
    facts = json.loads(out)
    assert status == 0
    assert (facts["samples"], facts["complete"]) == (2, True)
    config.write_text("limits = 3\n")
    status, _, err = call(*words)
    assert status == 2
    assert "did you mean 'limit'" in err


def test_other_settings_on_resume_are_refused(call: Call, run_words: Words, data: Path) -> None:
    status, _, err = call("run", *run_words(data.parent), "--shard-size", "4")
    assert status == 2
    assert "options.shard_size: 3 -> 4" in err
