"""`maskgen verify`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]
Words = Callable[[Path], list[str]]


@pytest.mark.slow
def test_verify_levels_and_exit_status(call: Call, run_words: Words, data: Path, tmp_path: Path) -> None:
    for flags in ((), ("--quick",), ("--full",)):
        assert call("verify", data, *flags)[0] == 0
    copy = tmp_path / "copy"
    shutil.copytree(data, copy)
    tar = copy / "folder-train-000000.tar"
    content = bytearray(tar.read_bytes())
    content[700] ^= 1
    tar.write_bytes(content)
    status, out, _ = call("verify", copy)
    assert status == 1
    assert "folder-train-000000: the tar file has another SHA-256 than recorded" in out
    assert call("verify", copy, "--quick")[0] == 0
    facts = json.loads(call("verify", copy, "--json")[1])
    assert [fault["where"] for fault in facts["faults"]] == ["folder-train-000000"]
    assert "withdrawn: folder-train-000000" in call("verify", copy, "--repair")[1]
    status, out, _ = call(
        "run", *run_words(data.parent)[:4], "--output", copy, *run_words(data.parent)[6:], "--shard-size", "3"
    )
    assert (copy / "folder-train-000000.tar").read_bytes() == (data / "folder-train-000000.tar").read_bytes()
    assert call("verify", copy, "--full")[0] == 0
