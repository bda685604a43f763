"""`maskgen preview` of samples; for views see test_preview_views.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

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
