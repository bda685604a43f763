"""`maskgen mask`: files and pipes, exit statuses, what is said."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

Call = Callable[..., tuple[int, str, str]]


def test_one_photo(call: Call, discs: Path, tmp_path: Path) -> None:
    words = ["mask", discs / "a0.jpg", tmp_path / "mask.png", "--method", "mr"]
    assert call(*words)[:2] == (0, f"{tmp_path}/mask.png: 1 of 1 photo done now\n")
    mask = cv2.imread(str(tmp_path / "mask.png"), cv2.IMREAD_UNCHANGED)
    photo = cv2.imread(str(discs / "a0.jpg"))
    assert mask.shape == photo.shape[:2]
    assert mask[photo[..., 2] > 150].mean() > 4 * mask[photo[..., 2] < 100].mean()
    assert call(*words)[1].endswith("0 of 1 photo done now, 1 was there already\n")


@pytest.mark.slow
def test_broken_photos_are_named_and_the_status_is_1_unless_the_budget_allows_them(
    call: Call, discs: Path, tmp_path: Path
) -> None:
    words = ["mask", discs, tmp_path / "masks", "--method", "box", "--workers", "1"]
    status, out, err = call(*words)
    assert status == 1
    assert "9 of 11 photos done now, 2 could not be" in out
    assert f"maskgen: {discs}/html.jpg: format-not-allowed" in err
    assert f"maskgen: {discs}/torn.jpg: " in err
    status, out, _ = call(*words, "--max-failures", "2", "--json")
    facts = json.loads(out)
    assert status == 0
    assert (facts["photos"], facts["made"], facts["kept"]) == (11, 0, 9)
    assert [Path(one["path"]).name for one in facts["failed"]] == ["html.jpg", "torn.jpg"]


@pytest.mark.parametrize(
    ("words", "mode"),
    [
        (["--cutout"], "RGBA"),
        (["--overlay"], "RGB"),
        (["--onto", "white"], "RGB"),
        (["--background", "tiled"], "RGB"),
        (["--binary"], "1"),
        ([], "L"),
    ],
)
def test_what_is_written(call: Call, discs: Path, tmp_path: Path, words: list[str], mode: str) -> None:
    assert call("mask", discs / "a0.jpg", tmp_path, "--method", "box", *words)[0] == 0
    with Image.open(tmp_path / "a0.png") as picture, Image.open(discs / "a0.jpg") as photo:
        assert (picture.mode, picture.size) == (mode, photo.size)


def test_two_pictures_at_once_are_refused(call: Call, discs: Path, tmp_path: Path) -> None:
    status, _, err = call("mask", discs, tmp_path / "x", "--cutout", "--onto", "white")
    assert status == 2
    assert "--cutout and --onto" in err
    assert "Next: give one of them" in err


def test_masks_that_are_there_are_for_shards(call: Call, discs: Path, tmp_path: Path) -> None:
    status, _, err = call("mask", discs, tmp_path / "x", "--method", "files")
    assert status == 2
    assert "maskgen run --method files" in err


def test_addresses_are_not_taken_for_folders(
    call: Call, discs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for words in ((discs, "s3://bucket/masks"), ("gs://bucket/photos", "masks"), ("-", "s3://bucket/a.png")):
        status, _, err = call("mask", *words, "--method", "box")
        assert status == 2
        assert "not in object stores: " in err
        assert "maskgen run reads and writes such addresses" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_pipes(discs: Path, tmp_path: Path) -> None:
    words = [sys.executable, "-m", "maskgen", "mask", "--method", "box"]
    photo = (discs / "a0.jpg").read_bytes()
    done = subprocess.run([*words, "-", "-"], input=photo, capture_output=True, check=True)
    with Image.open(io.BytesIO(done.stdout)) as picture:
        assert picture.mode == "L"
    assert done.stderr == b""
    subprocess.run([*words, str(discs / "a0.jpg"), str(tmp_path / "a.png")], check=True, capture_output=True)
    assert (tmp_path / "a.png").read_bytes() == done.stdout
    subprocess.run([*words, "-", str(tmp_path / "b.png")], input=photo, check=True)
    assert (tmp_path / "b.png").read_bytes() == done.stdout
    (tmp_path / "c.png").write_bytes(b"of somebody else")
    refused = subprocess.run(
        [*words, "-", str(tmp_path / "c.png")], input=photo, capture_output=True, check=False
    )
    assert refused.returncode == 2
    assert (tmp_path / "c.png").read_bytes() == b"of somebody else"
    broken = subprocess.run([*words, "-", "-"], input=photo[:700], capture_output=True, check=False)
    assert (broken.returncode, broken.stdout) == (1, b"")
    assert b"standard input: " in broken.stderr


def test_pipes_take_one_photo_and_give_a_png(call: Call, discs: Path, tmp_path: Path) -> None:
    for words in ((discs, "-"), ("-", tmp_path / "x.jpg")):
        status, _, err = call("mask", *words, "--method", "box")
        assert status == 2
        assert "Next: " in err
    assert not np.any(list(tmp_path.iterdir()))


@pytest.mark.slow
def test_an_interrupted_command_resumes(call: Call, discs: Path, tmp_path: Path) -> None:
    output, words = tmp_path / "masks", ["--method", "vote", "--workers", "1", "--max-failures", "2"]
    (tmp_path / "photos").mkdir()
    for number in range(16):
        copy = tmp_path / "photos" / f"{number:02d}.jpg"
        copy.write_bytes((discs / f"a{number % 8}.jpg").read_bytes())
    command = [sys.executable, "-m", "maskgen", "mask", str(tmp_path / "photos"), str(output), *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        while running.poll() is None and not list(output.glob("*.png")):
            time.sleep(0.01)
        running.send_signal(signal.SIGTERM)
        _, err = running.communicate()
    before = len(list(output.glob("*.png")))
    assert running.returncode == 75, err
    assert b"run the same command again" in err
    assert 0 < before < 16
    status, out, _ = call("mask", tmp_path / "photos", output, *words, "--json")
    facts = json.loads(out)
    assert (status, facts["kept"], facts["made"]) == (0, before, 16 - before)
    assert {path.name for path in output.iterdir()} == {f"{number:02d}.png" for number in range(16)}
