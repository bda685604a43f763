"""`maskgen show --extract`: every member, and the whole background of a patch."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from archive_kit import unpack
from lossless import SIDE, key, make_lossless, photo

from maskgen.cli.app import main

Call = Callable[..., tuple[int, str, str]]


def run_main(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    monkeypatch.setattr(sys, "argv", ["maskgen", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code


@pytest.mark.slow
@pytest.mark.parametrize("store", ["full", "patch"])
def test_extracted_files_hold_the_whole_background(
    store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shards, out = tmp_path / "shards", tmp_path / "out"
    options = ["--method", "box", "--limit", "1", "--workers", "1", "--background-store", store]
    run_main(monkeypatch, "run", "--dataset", "sample", "--output", str(shards), *options)
    key = next(shards.glob("*.idx")).read_text().splitlines()[1].split()[3].partition(".")[0]
    capsys.readouterr()
    run_main(monkeypatch, "show", str(shards), key, "--extract", str(out), "--json")
    facts = json.loads(capsys.readouterr().out)["json"]
    assert (out / f"{key}.background.png").exists() == (store == "patch")
    whole = out / f"{key}.{'bg.jpg' if store == 'full' else 'background.png'}"
    background, photo = cv2.imread(str(whole)), cv2.imread(str(out / f"{key}.jpg"))
    assert background.shape == photo.shape == (facts["height"], facts["width"], 3)
    if store == "patch":
        y0, x0, y1, x1 = facts["bg_box"]
        inside = np.zeros(photo.shape[:2], bool)
        inside[y0:y1, x0:x1] = True
        assert (background[~inside] == photo[~inside]).all()
        assert (background[inside] != photo[inside]).mean() > 0.5


@pytest.mark.slow
def test_a_sample_is_shown_and_its_members_are_written(call: Call, data: Path, tmp_path: Path) -> None:
    shown = json.loads(call("show", data, "p2", "--json", "--extract", tmp_path / "out")[1])
    assert (shown["shard"], shown["json"]["width"], shown["status"]) == ("folder-train-000000", 52, "ok")
    photo = (data.parent / "photos" / "p2.jpg").read_bytes()
    assert (tmp_path / "out" / "p2.jpg").read_bytes() == photo
    assert json.loads(call("show", data, "p9", "--json")[1])["status"] == "failed"


def test_a_path_that_cannot_be_written_is_an_environment_fault(
    call: Call, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    status, _, err = call("show", data, "p2", "--extract", tmp_path / "file" / "x")
    assert status == 3
    assert "file" in err
    assert "Traceback" not in err
    status, _, err = call("preview", data, "--output", tmp_path / "file" / "sheet.png")
    assert status == 3
    assert "Next: " in err


def test_a_photo_that_is_a_png_is_written_as_one(call: Call, tmp_path: Path) -> None:
    shards, out = make_lossless(tmp_path), tmp_path / "out"
    shown = json.loads(call("show", shards, key(3), "--json", "--extract", out)[1])
    assert not (out / f"{key(3)}.jpg").exists()
    stored = cv2.imread(str(out / f"{key(3)}.png"))[..., ::-1]
    assert np.array_equal(stored, photo(3))
    y0, x0, y1, x1 = shown["json"]["bg_box"]
    outside = np.ones((SIDE, SIDE), bool)
    outside[y0:y1, x0:x1] = False
    assert outside.any()
    background = cv2.imread(str(out / f"{key(3)}.background.png"))[..., ::-1]
    assert np.array_equal(background[outside], photo(3)[outside])


@pytest.mark.parametrize("name", ["p2", "p2.jpg", "photos/p2.jpg", "/data/photos/p2.jpg"])
def test_a_sample_is_found_by_its_key_and_by_its_photo(name: str, call: Call, data: Path) -> None:
    assert json.loads(call("show", data, name, "--json")[1])["key"] == "p2"


def test_what_is_not_there_is_refused_with_what_may_be_meant(call: Call, data: Path) -> None:
    status, _, err = call("show", data, "nothing")
    assert status == 2
    assert "no sample 'nothing'" in err
    assert "path below --input" in err
    assert "did you mean 'p2'?" in call("show", data, "p22")[2]


def test_extract_says_what_it_did(call: Call, data: Path, tmp_path: Path) -> None:
    _, out, err = call("show", data, "p2", "--extract", tmp_path / "out")
    assert f"{len(list((tmp_path / 'out').iterdir()))} files written into {tmp_path / 'out'}" in err
    assert json.loads(out)["key"] == "p2"
    assert "in quarantine" in call("show", data, "p9", "--extract", tmp_path / "none")[2]
    assert not (tmp_path / "none").exists()


def test_the_facts_of_a_lean_sample_come_from_its_table(call: Call) -> None:
    golden = Path(__file__).parents[1] / "golden" / "format-5.tar.xz"
    with tempfile.TemporaryDirectory() as folder:
        unpack(golden, folder)
        expected = json.loads((Path(folder) / "expected.json").read_text())["full"]["cats_photo-1"]
        shown = json.loads(call("show", Path(folder) / "full", "cats_photo-1", "--json")[1])["json"]
    assert [shown["height"], shown["width"], *shown["fg_box"]] == expected["meta"][1:7]
    assert (shown["key"], shown["source"], shown["label"]) == ("cats_photo-1", "cats/photo-1.jpg", 1)
