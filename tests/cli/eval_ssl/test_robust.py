"""`eval-ssl robust` as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from robust_kit import write_classes, write_head

from maskgen.errors import EXIT_USAGE

Call = Callable[..., tuple[int, str, str]]
ENCODER = ["--checkpoint", "random", "--backbone", "tiny", "--side", "32"]


def test_sets_from_the_command_line(tmp_path: Path, call_tool: Call) -> None:
    folder, head = write_classes(tmp_path / "set"), write_head(tmp_path / "head.safetensors")
    words = ["robust", *ENCODER, "--head", str(head), "--output", str(tmp_path / "out")]
    sets = ["--set", f"a={folder}", "--set", f"sketch={folder}"]
    status, out, _ = call_tool("eval-ssl", *words, *sets, "--partial")
    assert status == 0
    found = json.loads((tmp_path / "out" / "robust.json").read_text())["sets"]
    assert set(found) == {"a", "sketch"}
    assert f"a: top1 {found['a']['top1']:.4g}" in out


def test_what_is_wrong_is_said(tmp_path: Path, call_tool: Call) -> None:
    folder, head = write_classes(tmp_path / "set"), write_head(tmp_path / "head.safetensors")
    words = ["robust", *ENCODER, "--head", str(head), "--output", str(tmp_path / "out")]
    for more, message in (
        ([], "at least one --set KIND=FOLDER"),
        (["--set", f"b={folder}"], "unknown set 'b'"),
        (["--set", f"a={folder}"], "ImageNet-A's 7,500 photos"),
    ):
        status, _, err = call_tool("eval-ssl", *words, *more)
        assert status == EXIT_USAGE
        assert message in err


@pytest.mark.slow
def test_the_sets_are_listed(call_tool: Call) -> None:
    status, out, _ = call_tool("eval-ssl", "robust", "--list")
    assert status == 0
    assert "ImageNet V2" in out
