"""What is wrong with a picture is told before it is decoded; other libraries make the pictures."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.loaders.reading.pictures import picture_damage

SIZE = (30, 41)


def written(ending: str) -> NDArray[np.uint8]:
    pixels = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), np.uint8)
    return np.frombuffer(cv2.imencode(ending, pixels)[1].tobytes(), np.uint8)


@pytest.mark.parametrize(("ext", "other"), [("jpg", "png"), ("bg.jpg", "png"), ("png", "jpg")])
def test_a_picture_of_its_kind_and_size_is_sound_and_no_other(ext: str, other: str) -> None:
    data = written("." + ext.rpartition(".")[2])
    assert picture_damage(ext, data, SIZE) is None
    assert picture_damage(ext, data, None) is None
    assert picture_damage(ext, data, SIZE[::-1]) == (
        "a picture has another size than its meta gives",
        "it has 41x30 px, its meta is for 30x41",
    )
    assert picture_damage(ext, written("." + other), SIZE) == ("a member is no picture of its kind", "damage")
    what, _ = picture_damage(ext, data[:10], SIZE) or ("", "")
    assert what == "a picture's header is damaged"


def test_a_mask_has_a_signature_and_members_of_other_kinds_have_none() -> None:
    assert picture_damage("mask.png", written(".png"), None) is None
    assert picture_damage("mask.png", written(".jpg"), None) is not None
    assert picture_damage("json", np.frombuffer(b"{}", np.uint8), None) is None
