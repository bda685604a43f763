"""`eval-ssl grounding` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]


def test_the_figures_are_shown_and_written(shards: Path, tmp_path: Path, call_tool: Call) -> None:
    words = ["--checkpoint", "random", "--backbone", "tiny", "--data", str(shards), "--output", str(tmp_path)]
    status, out, err = call_tool("eval-ssl", "grounding", *words, "--side", "32", "--count", "10")
    assert status == 0, err
    result = json.loads((tmp_path / "grounding.json").read_text())
    assert f"iou                    {result['iou']:.4f}" in out
    assert "eval-ssl: 1/1" in err
    status, _, err = call_tool("eval-ssl", "grounding", *words, "--score", "key", "--crops", "whole")
    assert status == EXIT_USAGE
    assert "--score masked, or --crops random" in err
