from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from challenge_kit import BOX, DRAWINGS, FOREGROUND, H, write_shards
from forge import forge

from maskgen.challenge.photos import Photos
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


@pytest.mark.parametrize("ext", [naming.LOSSLESS_PHOTO, naming.MASK])
def test_a_picture_that_does_not_decode_is_named(ext: str, tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "shards", DRAWINGS[:4])
    forge(folder, {"k02": {ext: lambda data: data[: len(data) - 20] + bytes(20)}})
    photos = Photos(open_dataset(folder), H)
    with pytest.raises(BrokenSample, match=f"k02.{ext}"):
        photos.read(1)
    photos.close()
    assert json.dumps(DRAWINGS[1].key)
