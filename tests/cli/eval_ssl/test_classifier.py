"""What the tasks on finished classifiers refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from robust_kit import write_classes

from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]


def test_a_checkpoint_without_a_classifier_is_told_how_to_get_one(tmp_path: Path, call_tool: Call) -> None:
    words = ["--checkpoint", "random", "--backbone", "tiny", "--output", str(tmp_path / "out")]
    folder = write_classes(tmp_path / "set")
    status, _, err = call_tool("eval-ssl", "robust", *words, "--head", "own", "--set", f"a={folder}")
    assert status == EXIT_USAGE
    assert "no classifier of its own" in err
    assert "eval-ssl linear" in err
