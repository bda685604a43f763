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


@pytest.mark.slow
def test_a_photo_of_the_same_size_is_told_by_source_repair_and_run(
    call: Call, run_words: Words, data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data.parent, tmp_path / "all")
    shards, photos = tmp_path / "all" / "shards", tmp_path / "all" / "photos"
    status, out, _ = call("verify", shards, "--quick", "--source", photos)
    assert status == 0
    assert f"5 photos compared with {photos}: 0 faults" in out
    photo = photos / "p1.jpg"
    content = bytearray(photo.read_bytes())
    content[-20] ^= 1
    photo.write_bytes(content)
    status, out, _ = call("verify", shards, "--quick", "--source", photos)
    assert status == 1
    assert "folder-train-000000: p1: p1.jpg is not the photo that the sample was made of" in out
    again = ("run", *run_words(tmp_path / "all"), "--shard-size", "3")
    said = call(*again)[2]
    assert "1 photo has changed since the shards were made, which stay as they are (p1.jpg)" in said
    assert call("verify", shards, "--repair", "--source", photos)[1].startswith(
        "withdrawn: folder-train-000000\n"
    )
    said = call(*again)[2]
    assert "in folder-train-000000 1 photo is not what it was made of before (p1.jpg)" in said
    log = [json.loads(line) for line in (shards / "run.log.jsonl").read_text().splitlines()]
    assert [line["changed_photos"] for line in log if "changed_photos" in line] == [["p1.jpg"]]
    assert call("verify", shards, "--full", "--source", photos)[0] == 0
