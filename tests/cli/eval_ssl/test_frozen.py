"""What all tasks of `eval-ssl` without training images have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]


def test_a_checkpoint_that_is_not_there_is_told_before_the_work(
    shards: Path, tmp_path: Path, call_tool: Call
) -> None:
    words = ["--checkpoint", str(tmp_path / "none"), "--data", str(shards), "--output", str(tmp_path / "out")]
    status, _, err = call_tool("eval-ssl", "grounding", *words)
    assert status == EXIT_USAGE
    assert "there is no such checkpoint" in err
    assert not (tmp_path / "out").exists()
