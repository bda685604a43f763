"""What a place holds is told by what is in it, and known by its content."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.errors import UsageError
from maskgen.pipelines.given.look import look_at
from maskgen.shards import manifest


def test_a_folder_of_pictures_and_a_file(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), np.zeros((3, 3), np.uint8))
    assert look_at(str(tmp_path)).kind == "tree"
    (tmp_path / "instances.json").write_text("{}")
    found = look_at(str(tmp_path / "instances.json"))
    assert (found.kind, len(found.sha256), found.threshold) == ("coco", 64, 0.5)
    assert set(found.identity) == {"kind", "sha256"}


@pytest.mark.slow
def test_shards_tell_how_they_were_made_and_where_they_cut(shards: Path, tmp_path: Path) -> None:
    shutil.copytree(shards, tmp_path / "elsewhere")
    first, second = look_at(str(shards)), look_at(str(tmp_path / "elsewhere"))
    assert (first.kind, first.identity) == ("shards", second.identity)
    assert first.made["method"] == "box"
    assert first.threshold == manifest.read(shards).threshold


@pytest.mark.parametrize("place", ["", "nowhere", "s3://bucket/masks"])
def test_a_place_without_masks_is_refused(place: str) -> None:
    with pytest.raises(UsageError, match="--method files needs") as caught:
        look_at(place)
    assert "--masks" in caught.value.remedy
