"""`eval-ssl attack` as a user meets it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from robust_kit import write_classes, write_head

Call = Callable[..., tuple[int, str, str]]


def test_attacks_from_the_command_line(tmp_path: Path, call_tool: Call) -> None:
    folder, head = write_classes(tmp_path / "set"), write_head(tmp_path / "head.safetensors")
    words = ["attack", "--checkpoint", "random", "--backbone", "tiny", "--side", "32", "--head", str(head)]
    words += ["--data", str(folder), "--output", str(tmp_path / "out"), "--partial", "--photos", "4"]
    status, out, _ = call_tool("eval-ssl", *words, "--epsilon", "1,4", "--steps", "2", "--seeds", "2")
    assert status == 0
    lines = [line.split() for line in out.splitlines() if "." in line]
    assert [line[0] for line in lines] == ["clean", "fgsm_1", "fgsm_4", "pgd_1", "pgd_4"]
    assert "±" in lines[3]
