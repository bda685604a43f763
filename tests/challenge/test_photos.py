from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from challenge_kit import BOX, DRAWINGS, FOREGROUND, SETTINGS, H, write_shards
from forge import forge

from maskgen.challenge.photos import Photos
from maskgen.challenge.selection import select
from maskgen.loaders import BrokenSample, Dataset, open_dataset
from maskgen.shards import naming
from maskgen.shards.reader import read_samples


def test_a_photo_is_read_with_its_mask_and_the_hash_of_its_bytes(drawn: Dataset) -> None:
    photos = Photos(drawn, H)
    scene, sha256 = photos.read(4)
    photos.close()
    y0, x0, y1, x1 = BOX
    assert (scene.image[scene.mask] == FOREGROUND).all()
    assert (scene.image[~scene.mask] == 50).all()
    assert int(scene.mask.sum()) == (y1 - y0) * (x1 - x0)
    assert (scene.background == 50).all()
    record = drawn.manifest.shards[0]
    stored = list(read_samples(drawn.path, record, ("png",)))[4].members["png"]
    assert sha256 == hashlib.sha256(stored).hexdigest()


def test_paths_are_those_of_the_source(drawn: Dataset) -> None:
    assert Photos(drawn, H).paths() == [f"class {one.label}/{one.key}.png" for one in DRAWINGS]


def test_lean_shards_are_asked_and_read_as_others(drawn: Dataset, tmp_path: Path) -> None:
    """Their masks are 128 x 128 px of few levels: to within a pixel of the box's edges."""
    lean = open_dataset(write_shards(tmp_path / "lean", DRAWINGS, kind="lean"))
    assert select(lean, SETTINGS).taken == select(drawn, SETTINGS).taken
    scenes = [photos.read(4).scene for photos in (Photos(lean, H), Photos(drawn, H))]
    assert (scenes[0].image == scenes[1].image).all()
    apart = np.argwhere(scenes[0].mask != scenes[1].mask)
    y0, x0, y1, x1 = BOX
    assert all(min(abs(y - y0), abs(y - y1 + 1), abs(x - x0 + 10), abs(x - x1 + 11)) <= 1 for y, x in apart)


@pytest.mark.parametrize("ext", [naming.LOSSLESS_PHOTO, naming.MASK])
def test_a_picture_that_does_not_decode_is_named(ext: str, tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "shards", DRAWINGS[:4])
    forge(folder, {"k02": {ext: lambda data: data[: len(data) - 20] + bytes(20)}})
    photos = Photos(open_dataset(folder), H)
    with pytest.raises(BrokenSample, match=f"k02.{ext}"):
        photos.read(1)
    photos.close()
