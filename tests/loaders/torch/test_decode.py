"""Decoding the pictures of a batch: which ones, in which order, and what a damaged one says."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from maskgen.io.images.stored import decode_photo
from maskgen.loaders import Background, Crop, Recipe, SampleReader, View, open_dataset
from maskgen.loaders.pixels.sources import SourceReader, Sources
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.torch.decode import decode

DONORS = Recipe(views=(View(size=32, crop=Crop(fg_min=0.3), background=Background(replace="donor", p=0.4)),))


@pytest.fixture(scope="module")
def reader(drawn: Any) -> SampleReader:
    return SampleReader(open_dataset(drawn.path), ("jpg", "bg.jpg"))


@pytest.fixture(scope="module")
def sources(reader: SampleReader) -> Sources:
    return SourceReader(reader, DONORS).read(np.arange(12), 0, 0)


@pytest.mark.parametrize("threads", [1, 4])
def test_photos_and_the_backgrounds_that_are_shown(
    reader: SampleReader, sources: Sources, threads: int
) -> None:
    photos, backgrounds = decode(sources, reader, ThreadPoolExecutor(threads).map)
    assert 0 < len(sources.backgrounds) < 12
    for row in range(12):
        assert (photos[row] == decode_photo(reader.encoded(row, "jpg").tobytes())).all()
        if row in sources.backgrounds:
            assert (backgrounds[row] == decode_photo(reader.encoded(row, "bg.jpg").tobytes())).all()
        else:
            assert backgrounds[row].shape == (1, 1, 3)


def test_a_damaged_picture_is_named(reader: SampleReader, sources: Sources) -> None:
    row = next(iter(sources.backgrounds))
    for damaged in (
        replace(sources, backgrounds={row: np.full(50, 255, np.uint8)}),
        replace(sources, taken=sources.taken._replace(encoded={"jpg": [np.full(50, 255, np.uint8)] * 12})),
    ):
        with pytest.raises(BrokenSample, match="cannot be decoded") as caught:
            decode(damaged, reader, map)
        assert reader.dataset.keys(np.array([caught.value.sample]))[0] in str(caught.value)
