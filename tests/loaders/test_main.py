from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from maskgen.loaders.__main__ import main


def test_one_batch_in_words(drawn: Any) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "maskgen.loaders", str(drawn.path), "--batch-size", "4", "--bg-rm-p", "1"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    text = done.stdout
    assert "21 samples in 4 shards" in text
    assert "(4, 3, 224, 224)" in text
    assert sum(f"  {drawing.key}: rows" in text for drawing in drawn.drawings) == 4
    assert text.count(", background removed") == int(text.rpartition("removed in ")[2].split(" of 4")[0]) >= 3


@pytest.mark.parametrize(("options", "status"), [(["--batch-size", "0"], 2), (["--size", "0"], 2)])
def test_bad_options(drawn: Any, capsys: pytest.CaptureFixture[str], options: list[str], status: int) -> None:
    assert main([str(drawn.path), *options]) == status
    assert "out of range" in capsys.readouterr().err


def test_no_data_set(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no manifest.json" in captured.err
