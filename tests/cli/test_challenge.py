from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from challenge_kit import DRAWINGS, Drawing, write_shards
from click.testing import CliRunner, Result

from maskgen.cli.app import cli
from maskgen.errors import UsageError


def call(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["challenge", *map(str, arguments)], catch_exceptions=False)


@pytest.mark.slow
def test_it_says_what_was_left_out_and_draws_a_sheet(tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "shards", [*DRAWINGS, Drawing(13, 7, box=(0, 0, 0, 0))])
    words = (shards, tmp_path / "out", "--side", 32, "--write", "folders", "--workers", 1)
    first = call(*words, "--sheet", tmp_path / "sheet.png")
    assert first.stdout.splitlines() == [
        "12 of 13 photos (92.3%), 3 classes; left out:",
        "        1   7.7%  the mask has no foreground",
        f"8 variants of each as folders: {tmp_path / 'out'}",
    ]
    assert cv2.imread(str(tmp_path / "sheet.png")) is not None
    found = json.loads(call(*words, "--json").stdout)
    assert found["left_out"]["no-foreground"] == {"count": 1, "share": round(1 / 13, 6)}
    picture = cv2.imread(str(next((tmp_path / "out" / "only_fg").rglob("*.png"))))
    assert np.asarray(picture).shape == (32, 32, 3)


def test_an_error_speaks_of_the_commands_options(tmp_path: Path) -> None:
    shards = write_shards(tmp_path / "shards", DRAWINGS)
    with pytest.raises(UsageError) as caught:
        call(shards, tmp_path / "out", "--per-class", 1)
    assert caught.value.remedy == "--per-class 2"
