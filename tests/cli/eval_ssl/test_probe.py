"""What all tasks of `eval-ssl` on frozen features refuse and say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from maskgen.errors import EXIT_FAULTS, EXIT_USAGE
from maskgen.trainers.training import checkpoint

Call = Callable[..., tuple[int, str, str]]
TrainWords = Callable[..., list[str]]


def corrupted(trained: Path, folder: Path, name: str, value: float) -> Path:
    """The run's checkpoint with one tensor of its backbone set to a value."""
    state = checkpoint.load(checkpoint.path_of(trained / "checkpoints", 3))
    state["method"][f"backbone.{name}"].fill_(value)
    return checkpoint.save(folder, 3, {key: value for key, value in state.items() if key != "version"})


@pytest.mark.slow
def test_features_and_weights_that_are_no_numbers_are_refused(
    trained: Path, photo_folder: Path, tmp_path: Path, call_tool: Call
) -> None:
    state = checkpoint.load(checkpoint.path_of(trained / "checkpoints", 3))["method"]
    name = next(key for key in state if key.startswith("backbone.") and key.endswith("running_var"))
    name = name.removeprefix("backbone.")
    odd = corrupted(trained, tmp_path / "odd", name, -1e9)  # finite, but the root of it is not
    where = ["--data", str(photo_folder), "--output", str(tmp_path / "out"), "--side", "32"]
    for task in ("knn", "linear"):
        status, _, err = call_tool("eval-ssl", task, "--checkpoint", str(odd), *where)
        assert status == EXIT_FAULTS
        assert "images are infinite or no number" in err
    assert not list((tmp_path / "out").glob("*.json"))
    lost = corrupted(trained, tmp_path / "lost", name, float("inf"))
    target = ["--output", str(tmp_path / "b.safetensors")]
    status, _, err = call_tool("train-ssl", "export", "--checkpoint", str(lost), *target)
    assert status == EXIT_FAULTS
    assert f"the weight {name} is infinite" in err
    assert not (tmp_path / "b.safetensors").exists()


def test_a_file_that_is_no_checkpoint_is_named(photo_folder: Path, tmp_path: Path, call_tool: Call) -> None:
    (tmp_path / "empty.pt").touch()
    where = ["--data", str(photo_folder), "--output", str(tmp_path / "out")]
    status, _, err = call_tool("eval-ssl", "knn", "--checkpoint", str(tmp_path / "empty.pt"), *where)
    assert status == EXIT_USAGE
    assert "empty.pt is no checkpoint" in err
