"""The photos of the scikit-image wheel."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

from maskgen.errors import EnvironmentFault


def test_about_a_dozen_real_photos(opened: Any) -> None:
    found = opened("sample", "")
    assert found.names == sorted(found.names)
    assert len(found.items) == 12
    assert {"astronaut", "chelsea", "coffee", "rocket"} <= set(found.names)
    assert found.source.notes == []
    for name, data in found.bytes().items():
        assert cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR).size > 100_000, name


def test_same_pixels_as_scikit_image(opened: Any) -> None:
    data = opened("sample", "").bytes()["astronaut"]
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[..., ::-1]
    assert np.array_equal(pixels, skimage.data.astronaut())


def test_input_is_not_needed_and_not_used(opened: Any, tmp_path: Path) -> None:
    assert opened("sample", tmp_path).items == opened("sample", "").items


def test_without_scikit_image(opened: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentFault, match="scikit-image"):
        opened("sample", "")
