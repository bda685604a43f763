"""`eval-ssl davis` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from davis_kit import make_davis

from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_the_figures_are_shown_and_written(tmp_path: Path, call_tool: Call) -> None:
    data, output = make_davis(tmp_path / "DAVIS"), tmp_path / "out"
    words = ["--checkpoint", "random", "--backbone", "tiny", "--data", str(data), "--output", str(output)]
    status, out, err = call_tool("eval-ssl", "davis", *words)
    assert status == 0, err
    result = json.loads((output / "davis.json").read_text())
    assert f"J&F                    {result['J&F']:.4f}" in out
    assert "eval-ssl: 2/2" in err
    assert len(list((output / "masks" / "two").iterdir())) == 6
    status, _, err = call_tool("eval-ssl", "davis", *words, "--split", "test-dev")
    assert status == EXIT_USAGE
    assert "no split 'test-dev'" in err
