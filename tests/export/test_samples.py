from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from challenge_kit import Drawing, write_shards

from maskgen.errors import ShardFault
from maskgen.export.samples import Samples
from maskgen.io.images.encode import resize_mask
from maskgen.io.images.stored import decode_photo
from maskgen.loaders import Dataset, MaskReader, open_dataset
from maskgen.shards.manifest import read
from maskgen.shards.patch import read_background
from maskgen.shards.reader import read_samples

EVERY = ("jpg", "bg.jpg", "meta")


def test_samples_are_those_of_the_readers(dataset: Dataset) -> None:
    masks, manifest = MaskReader(dataset), read(dataset.path)
    stored = [one for record in manifest.shards for one in read_samples(dataset.path, record, EVERY)]
    with Samples(dataset, EVERY) as samples:
        found = [samples.open(facts) for facts in samples.facts(0, dataset.samples)]
        assert [one.facts.key for one in found] == list(masks.keys()) == [one.key for one in stored]
        for number, (one, known) in enumerate(zip(found, stored, strict=True)):
            record = masks.record(known.key)
            assert (one.facts.number, one.facts.path, one.facts.label) == (
                number,
                record["source"],
                record["label"],
            )
            assert one.facts.size == (record["height"], record["width"])
            assert (one.facts.area, list(one.facts.box), one.facts.confidence) == (
                record["fg_area"],
                record["fg_box"],
                record["confidence"],
            )
            assert (one.hard == masks.hard(known.key)).all()
            assert (one.mask(binary=True) == 255 * masks.hard(known.key)).all()
            assert (one.mask(binary=False) == masks[known.key]).all()
            assert one.photo == known.members["jpg"]
            assert one.photo_ending == "jpg"
            assert (one.pixels == decode_photo(known.members["jpg"])).all()
            assert (decode_photo(one.background(90)) == read_background(known.members)).all()


def test_some_samples_across_shards(dataset: Dataset) -> None:
    with Samples(dataset) as samples:
        assert [facts.number for facts in samples.facts(1, 4)] == [1, 2, 3]


@pytest.mark.parametrize("kind", ["full", "lean"])
def test_a_small_mask_grows_to_its_photo(kind: str, tmp_path: Path) -> None:
    data = open_dataset(write_shards(tmp_path / "shards", [Drawing(1, 0)], kind=kind))
    masks = MaskReader(data)
    with Samples(data, ("jpg",)) as samples:
        one = samples.open(next(samples.facts(0, 1)))
        assert one.photo_ending == "png"
        soft, (key, stored) = one.mask(binary=False), next(iter(masks))
        assert (soft == resize_mask(stored, one.facts.size)).all()
        assert (one.hard == masks.hard(key)).all()
        assert np.array_equal(one.pixels, Drawing(1, 0).image)


def test_photos_of_the_sidecar_layout_are_the_originals(made: Path) -> None:
    data = open_dataset(made / "sidecar", photos=made / "photos")
    with Samples(data, ("jpg",)) as samples:
        for facts in samples.facts(0, data.samples):
            assert samples.open(facts).photo == (made / "photos" / facts.path).read_bytes()


def test_a_flipped_bit_is_told_with_its_place(copy: Path) -> None:
    tar = min(copy.glob("*.tar"))
    data = bytearray(tar.read_bytes())
    place = data.index(b".mask.png") + 600
    data[place] ^= 1
    tar.write_bytes(data)
    opened = open_dataset(copy)
    with Samples(opened) as samples:
        first, second = (samples.open(facts) for facts in samples.facts(0, 2))
        with pytest.raises(ShardFault, match=r"mask\.png at byte"):
            first.mask(binary=True)
        assert second.hard.any()
