"""`maskgen preview` of samples; for views see test_preview_views.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import pyarrow.parquet as pq
import pytest

from maskgen.drawing.contact_sheet import pick, render_sheet, spread
from maskgen.shards import manifest

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_preview_draws_photo_mask_overlay_background(call: Call, data: Path, tmp_path: Path) -> None:
    status, out, _ = call("preview", data, "--output", tmp_path / "a" / "sheet.png", "--count", "2")
    assert status == 0
    assert "2 samples" in out
    sheet = cv2.imread(str(tmp_path / "a" / "sheet.png"))
    assert sheet.shape[1] > 4 * 160
    assert sheet.std() > 10


def test_preview_writes_what_the_ending_says(call: Call, data: Path, tmp_path: Path) -> None:
    for name, magic in (("s.png", b"\x89PNG"), ("s.jpg", b"\xff\xd8\xff"), ("s.JPEG", b"\xff\xd8\xff")):
        assert call("preview", data, "--output", tmp_path / name)[0] == 0
        assert (tmp_path / name).read_bytes().startswith(magic)
    manifest = (data / "manifest.json").read_bytes()
    for path in (tmp_path / "s.gif", tmp_path / "sheet", data / "manifest.json"):
        status, _, err = call("preview", data, "--output", path)
        assert status == 2
        assert "does not end in .png or .jpg or .jpeg" in err
    assert (data / "manifest.json").read_bytes() == manifest
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.JPEG", "s.jpg", "s.png"]


def test_preview_begins_with_the_masks_that_are_trusted_least(call: Call, data: Path, tmp_path: Path) -> None:
    sheets = {}
    for order in ("spread", "confidence"):
        path = tmp_path / f"{order}.png"
        status, out, _ = call("preview", data, "--output", path, "--sort", order)
        assert (status, "4 samples" in out) == (0, True)
        sheets[order] = path.read_bytes()
    tables = sorted(data.glob("*-train-*.parquet"))
    known = {row["key"]: row["confidence"] for path in tables for row in rows_of(path)}
    whole = manifest.read(data)
    rows = sorted(pick(data, whole, spread(whole, 4)), key=lambda row: known[row.key])
    assert [row.confidence for row in rows] == sorted(known.values())
    heads = ("photo", "mask", "overlay", "background")
    assert sheets["confidence"] == render_sheet(rows, heads)
    status, _, err = call("preview", data, "--sort", "confidence", "--views", "plain", "--output", path)
    assert (status, "--sort: not with --views" in err) == (2, True)
    status, _, err = call("preview", data, "--min-confidence", "0.5", "--output", path)
    assert (status, "--min-confidence: only with --views" in err) == (2, True)


def rows_of(path: Path) -> list[dict[str, Any]]:
    return [row for row in pq.read_table(path).to_pylist() if row["status"] == "ok"]
