"""`eval-ssl retrieval` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from segmentation_kit import make_voc

from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]


def test_the_figures_are_shown_and_written(tmp_path: Path, call_tool: Call) -> None:
    data, output = make_voc(tmp_path), tmp_path / "out"
    words = ["--checkpoint", "random", "--backbone", "tiny", "--data", str(data), "--output", str(output)]
    more = ["--layer", "layer3", "--side", "64", "--clusters", "3"]
    status, out, err = call_tool("eval-ssl", "retrieval", *words, *more, "--stride", "0")
    assert status == 0, err
    result = json.loads((output / "retrieval.json").read_text())
    assert f"miou_21                {result['miou_21']:.4f}" in out
    status, _, err = call_tool("eval-ssl", "retrieval", *words, *more)
    assert status == EXIT_USAGE
    assert "--stride 0" in err
