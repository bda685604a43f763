"""`maskgen preview --cam`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import pytest

Call = Callable[..., tuple[int, str, str]]


@pytest.mark.slow
def test_maps_are_drawn_over_photos(call: Call, data: Path, tmp_path: Path) -> None:
    target = tmp_path / "cam.png"
    words = ["preview", data, "--output", target, "--cam", "random", "--backbone", "tiny", "--count", "3"]
    status, out, _ = call(*words)
    assert status == 0
    assert "3 samples, photo | mask | Grad-CAM" in out
    assert cv2.imread(str(target)).std() > 10


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--cam", "random", "--views", "mocov2"], "--views: not with --cam"),
        (["--cam", "random", "--sort", "confidence"], "--sort: not with --cam"),
        (["--backbone", "tiny"], "--backbone: only with --cam"),
    ],
)
def test_options_that_do_not_go_together_are_refused(
    call: Call, data: Path, tmp_path: Path, more: list[str], told: str
) -> None:
    status, _, err = call("preview", data, "--output", tmp_path / "s.png", *more)
    assert status == 2
    assert told in err
