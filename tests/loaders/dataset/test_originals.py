"""Sidecar shards joined with the original photos: by path or by key, every sample its own photo, or a
refusal.
"""

from __future__ import annotations

import os
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from photo_folders import (
    LAYOUTS,
    expected,
    in_tars,
    originals,
    photo,
    read_all,
    write_originals,
    write_sidecar,
)

from maskgen.errors import ShardFault
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.reading.samples import SampleReader


@pytest.mark.slow
@pytest.mark.parametrize("kind", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_sample_gets_its_own_photo(tmp_path: Path, layout: str, kind: int) -> None:
    photos = originals(12, LAYOUTS[layout])
    write_originals(tmp_path / "o", photos, kind)
    shards = write_sidecar(tmp_path / "s", photos)
    assert read_all(shards, tmp_path / "o", check_hashes=True) == expected(photos)


@pytest.mark.slow
def test_a_cut_tar_of_originals_is_refused_at_opening(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    write_originals(tmp_path / "o", photos)
    shards = write_sidecar(tmp_path / "s", photos)
    path = tmp_path / "o" / "part-2.tar"
    whole = path.read_bytes()
    for length in np.random.default_rng(0).integers(0, len(whole) - 10_240, 20).tolist():
        os.truncate(path, length)
        with pytest.raises(ShardFault, match=r"part-2\.tar"):
            open_dataset(shards, photos=tmp_path / "o")
        path.write_bytes(whole)


def test_resized_originals_are_refused_at_opening(tmp_path: Path) -> None:
    photos = originals(6, in_tars)
    small = cv2.imencode(".jpg", np.zeros((20, 20, 3), np.uint8))[1].tobytes()
    write_originals(tmp_path / "o", [replace(one, data=small) for one in photos])
    with pytest.raises(ShardFault, match=r"(?s)p000 in part-0\.tar.*20x20 px"):
        open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")


def test_another_photo_of_the_same_size_is_found_with_check_hashes(tmp_path: Path) -> None:
    photos = originals(6, in_tars)
    other = cv2.imencode(".jpg", np.zeros((*photos[3].size, 3), np.uint8))[1].tobytes()
    write_originals(
        tmp_path / "o", [replace(one, data=other) if one.key == "p003" else one for one in photos]
    )
    shards = write_sidecar(tmp_path / "s", photos)
    open_dataset(shards, photos=tmp_path / "o")
    with pytest.raises(ShardFault, match=r"(?s)p003.*CRC-32C"):
        open_dataset(shards, photos=tmp_path / "o", check_hashes=True)


def test_an_exif_turned_photo_in_place_of_an_upright_one_is_a_broken_sample(tmp_path: Path) -> None:
    """Its bytes were exchanged after the masks were made, in a place that opening does not look at."""
    photos = originals(6, in_tars)
    turned = replace(photos[2], data=photo(2, exif=6)[0])
    write_originals(tmp_path / "o", [turned if one.key == "p002" else one for one in photos])
    dataset = open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")
    reader = SampleReader(dataset, ("jpg",))
    with pytest.raises(BrokenSample, match=r"part-0\.tar at byte \d+") as caught:
        reader.take(np.arange(6), ("jpg",))
    assert "orientation 6" in caught.value.cause
    assert caught.value.sample == 2
    skipping = SampleReader(dataset, ("jpg",), on_error="skip")
    taken = skipping.take(np.arange(6), ("jpg",))
    assert 2 not in taken.samples
    assert skipping.skipped == 1


def test_photos_cut_or_gone_after_opening(tmp_path: Path) -> None:
    photos = originals(12, in_tars)
    write_originals(tmp_path / "o", photos)
    dataset = open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")
    os.truncate(tmp_path / "o" / "part-1.tar", 3000)
    (tmp_path / "o" / "part-2.tar").unlink()
    reader = SampleReader(dataset, ("jpg",), on_error="skip")
    taken = reader.take(np.arange(12), ("jpg",))
    by_key = expected(photos)
    for key, data in zip(reader.keys(taken.samples), taken.encoded["jpg"], strict=True):
        assert data.tobytes() == by_key[key]
    assert set(range(8, 12)) < set(reader.broken)
    assert not {0, 1, 2, 3} & set(reader.broken)


def test_joined_data_set_travels_to_workers(tmp_path: Path) -> None:
    photos = originals(6, in_tars)
    write_originals(tmp_path / "o", photos)
    dataset = open_dataset(write_sidecar(tmp_path / "s", photos), photos=tmp_path / "o")
    reader = pickle.loads(pickle.dumps(SampleReader(dataset, ("jpg",))))
    assert reader.encoded(3, "jpg").tobytes() == photos[3].data
