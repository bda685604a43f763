"""`eval-ssl voc07` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from voc_kit import write_voc

from maskgen.errors import EXIT_USAGE

pytest.importorskip("sklearn", reason="scikit-learn is an extra")

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_svms_from_the_command_line(tmp_path: Path, call_tool: Call) -> None:
    write_voc(tmp_path / "devkit", {"trainval": 30, "test": 15})
    words = ["voc07", "--checkpoint", "random", "--backbone", "tiny", "--data", str(tmp_path / "devkit")]
    words += ["--output", str(tmp_path / "out"), "--side", "32", "--cost", "0.1,1"]
    status, out, err = call_tool("eval-ssl", *words)
    assert status == 0
    result = json.loads((tmp_path / "out" / "voc07.json").read_text())
    assert f"map                {result['map']:.4f}" in out
    assert "class 2/2  box  C" in err
    status, out, err = call_tool("eval-ssl", *words[:-1], "0.1")
    assert status == 0
    assert (
        set(json.loads((tmp_path / "out" / "voc07.json").read_text())["classes"]["box"]["chosen_by"]) == set()
    )
    status, _, err = call_tool("eval-ssl", *words, "--protocol", "visl")
    assert status == EXIT_USAGE
    assert "vissl" in err


def test_protocols_are_listed(call_tool: Call) -> None:
    status, out, _ = call_tool("eval-ssl", "voc07", "--list")
    assert status == 0
    assert "revisiting  mean     C 0.5" in out
