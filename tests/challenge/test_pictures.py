from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from challenge_kit import DRAWINGS, SETTINGS

from maskgen.challenge.photos import Photos
from maskgen.challenge.pictures import Maker, encode_picture
from maskgen.challenge.shard_sets import config_of
from maskgen.challenge.variants import MIXED, VARIANTS
from maskgen.io.images.stored import decode_photo
from maskgen.loaders import Dataset
from maskgen.shards.sample import SampleId


@pytest.mark.parametrize("photo_format", ["png", "jpg"])
def test_folders_and_shards_get_the_same_bytes(photo_format: str, drawn: Dataset) -> None:
    config = config_of(drawn, replace(SETTINGS, photo_format=photo_format))
    samples = {n: SampleId(one.key, one.label, one.key) for n, one in enumerate(DRAWINGS)}
    mixed = {key: dict(zip(MIXED, (1, 4, 8), strict=True)) for key in samples}
    photos = Photos(drawn, SETTINGS.side)
    made, plain = (
        Maker(photos, samples, mixed, config, replace(SETTINGS, write=write)).make(2)
        for write in ("both", "folders")
    )
    photos.close()
    assert made.files == plain.files
    assert not plain.members
    for variant in VARIANTS:
        assert made.members[variant].members[0] == (photo_format, made.files[variant])
    for variant, donor in mixed[2].items():
        level = int(decode_photo(made.files[variant])[0, 0, 0])
        assert abs(level - 10 * DRAWINGS[donor].number) <= (2 if photo_format == "jpg" else 0)


def test_a_png_keeps_every_level(drawn: Dataset) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    assert (decode_photo(encode_picture(noise, config_of(drawn, SETTINGS))) == noise).all()
