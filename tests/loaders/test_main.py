from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from maskgen.loaders.__main__ import main


@pytest.mark.slow
def test_one_batch_in_words(drawn: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "maskgen.loaders", str(drawn.path), "--batch-size", "5"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    text = done.stdout
    assert "21 samples in 4 shards" in text
    assert re.search(r"views\[1\] +\(5, 3, 224, 224\) +uint8", text)
    keys = [drawing.key for drawing in drawn.drawings]
    assert sum(f"  {key}:\n" in text for key in keys) == 5
    assert len(re.findall(r"view [01]: rows \d\.\d\d-\d\.\d\d, columns", text)) == 10
    assert len(re.findall(r"negative: s\d{4} on ", text)) == 5


@pytest.mark.parametrize("recipe", ["cast", "relicv2"])
def test_recipe(drawn: Any, capsys: pytest.CaptureFixture[str], recipe: str) -> None:
    assert main([str(drawn.path), "--recipe", recipe]) == 0
    text = capsys.readouterr().out
    assert f"one batch of {recipe}" in text
    assert ("cam_masks[0]" in text) == (recipe == "cast")
    assert ("(4, 3, 96, 96)" in text) == (recipe == "relicv2")


def test_damage_is_told(copy: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for tar in copy.shards():
        data = bytearray(tar.read_bytes())
        for place in re.finditer(rb"\xff\xd8\xff", bytes(data)):
            data[place.start() + 200 : place.start() + 300] = b"\xff\xc0" * 50
        tar.write_bytes(data)
    assert main([str(copy.path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert ".jpg at byte" in captured.err
    assert "Next: --on-error skip, or copy the data set again" in captured.err


@pytest.mark.parametrize("options", [["--batch-size", "0"]])
def test_bad_options(drawn: Any, capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    assert main([str(drawn.path), *options]) == 2
    assert "out of range" in capsys.readouterr().err


def test_no_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no manifest.json" in captured.err
