"""The zarr store: read by zarr itself, one file per image, and honest about damage."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import zarr

from maskgen.errors import ShardFault
from maskgen.pipelines.distill.store import FOLDER, MapStore, open_store, rows_sha256

MAPS = np.random.default_rng(5).integers(0, 256, (5, 8, 8)).astype(np.uint8)


def test_zarr_reads_what_was_written_one_chunk_per_image(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.create("priors/rbd", MAPS.shape, np.uint8)
    store.write("priors/rbd", 0, MAPS[:2])
    store.write("priors/rbd", 2, MAPS[2:])
    store.sync("priors/rbd")
    array = zarr.open_group(tmp_path / FOLDER, mode="r")["priors/rbd"]
    assert isinstance(array, zarr.Array)
    assert array.chunks == (1, 8, 8)
    np.testing.assert_array_equal(np.asarray(array[:]), MAPS)
    files = sorted(path.name for path in (tmp_path / FOLDER / "priors/rbd").iterdir())
    assert files == ["0.0.0", "1.0.0", "2.0.0", "3.0.0", "4.0.0", "zarr.json"]


def test_photos_and_half_floats_come_back_as_they_were(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    photos = np.random.default_rng(1).integers(0, 256, (3, 4, 4, 3)).astype(np.uint8)
    average = np.random.default_rng(2).random((3, 4, 4)).astype(np.float16)
    for name, rows in (("photos", photos), ("average/0", average)):
        store.create(name, rows.shape, rows.dtype)
        store.write(name, 0, rows)
        found = open_store(tmp_path).read(name)
        assert found.dtype == rows.dtype
        np.testing.assert_array_equal(found, rows)


def test_creating_again_keeps_equal_arrays_and_replaces_others(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.create("labels", (5, 8, 8), np.uint8)
    store.write("labels", 0, MAPS)
    store.create("labels", (5, 8, 8), np.uint8)
    np.testing.assert_array_equal(store.read("labels"), MAPS)
    store.create("labels", (5, 4, 4), np.uint8)
    assert store.read("labels").shape == (5, 4, 4)
    assert not store.read("labels").any()


def test_a_torn_description_is_made_again(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.create("labels", (5, 8, 8), np.uint8)
    path = tmp_path / FOLDER / "labels" / "zarr.json"
    path.write_bytes(path.read_bytes()[:20])
    again = open_store(tmp_path)
    again.create("labels", (5, 8, 8), np.uint8)
    assert again.read("labels").shape == (5, 8, 8)


def found_in(store: MapStore) -> str:
    """The labels' hash, or the fault that reading them is."""
    try:
        return rows_sha256(store.read("labels"))
    except ShardFault as fault:
        return fault.where


def test_damage_in_a_chunk_is_a_fault_or_changes_the_hash(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.create("labels", MAPS.shape, np.uint8)
    store.write("labels", 0, MAPS)
    want = rows_sha256(store.read("labels"))
    assert want == hashlib.sha256(MAPS.tobytes()).hexdigest()
    chunk = tmp_path / FOLDER / "labels" / "3.0.0"
    whole = chunk.read_bytes()
    for damaged in (whole[:10], b"", whole[:-9] + bytes(9)):
        chunk.write_bytes(damaged)
        assert found_in(store) != want
    chunk.write_bytes(whole)
    assert rows_sha256(store.read("labels")) == want


def test_sweep_drops_half_written_files_only(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.create("labels", MAPS.shape, np.uint8)
    store.write("labels", 0, MAPS)
    litter = tmp_path / FOLDER / "labels" / "4.0.1234.partial"
    litter.write_bytes(b"half")
    store.sweep()
    assert not litter.exists()
    np.testing.assert_array_equal(store.read("labels"), MAPS)


def test_an_absent_array_is_a_fault_and_removing_it_is_none(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    assert "labels" not in store
    store.remove("labels")
    with pytest.raises(ShardFault, match="labels"):
        store.read("labels")
