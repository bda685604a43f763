"""Samples by number: what tarfile reads, under threads and few descriptors; broken ones named, skipped,
replaced.
"""

from __future__ import annotations

import io
import os
import pickle
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from descriptors import leading_into
from members import compare, contents
from PIL import Image

from maskgen.errors import ShardFault, UsageError
from maskgen.loaders.dataset.dataset import Dataset
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.dataset.shard import header
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.reading.samples import SampleReader
from maskgen.shards import tar
from maskgen.shards.meta import META


@pytest.fixture
def damaged(copy: Any) -> tuple[Dataset, Any]:
    """An open data set, and a function that overwrites bytes of a member: damage(sample, ext, at, data)."""
    dataset = open_dataset(copy.path)

    def damage(sample: int, ext: str, at: int, data: bytes) -> None:
        shard, row = dataset.locate(sample)
        offset, _ = shard.place(row, shard.members.index(ext))
        with dataset.tar(shard).open("r+b") as file:
            file.seek(offset + at)
            file.write(data)

    return dataset, damage


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("open_files", [None, 1])
def test_batches_are_what_tarfile_reads(drawn: Any, threads: int, open_files: int | None) -> None:
    dataset, known = open_dataset(drawn.path), contents(drawn.path)
    reader = SampleReader(dataset, ("jpg", "bg.jpg", "mask.png"), threads=threads, open_files=open_files)
    for epoch in range(3):
        order = dataset.order(3, epoch)[np.arange(dataset.samples)]
        taken = reader.take(order, ("jpg", "bg.jpg", "mask.png", "json"))
        assert (taken.samples == order).all()
        assert reader.keys(order) == [drawn.drawings[n].key for n in order]
        compare(reader, taken, known)
    assert taken.small.meta["label"].tolist() == [drawn.drawings[n].label for n in order]
    assert (taken.small.sat.dtype, taken.small.fg.dtype, taken.small.meta.dtype) == (
        np.uint16,
        np.uint8,
        META,
    )


def test_single_reads_are_the_same(drawn: Any) -> None:
    dataset, known = open_dataset(drawn.path), contents(drawn.path)
    reader = SampleReader(dataset)
    samples = np.array([20, 0, 7, 7, 13])
    small, taken = reader.small(samples), reader.take(samples)
    assert all((a == b).all() for a, b in zip(small, taken.small, strict=True))
    compare(reader, taken, known)
    for sample in samples.tolist():
        for ext in dataset.members:
            assert reader.encoded(sample, ext).tobytes() == known[f"{drawn.drawings[sample].key}.{ext}"]


def test_empty_batch_and_numbers_out_of_range(drawn: Any) -> None:
    reader = SampleReader(open_dataset(drawn.path), ("jpg",))
    taken = reader.take(np.zeros(0, np.int64), ("jpg",))
    assert (taken.small.sat.shape, taken.small.meta.shape[0], taken.encoded) == ((0, 33, 33), 0, {"jpg": []})
    for sample in (-1, 21):
        with pytest.raises(IndexError):
            reader.take(np.array([sample]))
        with pytest.raises(IndexError):
            reader.encoded(sample, "jpg")


def test_fast_header_is_that_of_the_tar_module() -> None:
    rng = np.random.default_rng(0)
    letters = np.array(list("abcXYZ019_-."))
    for _ in range(2000):
        name = "".join(rng.choice(letters, rng.integers(1, 101)))
        size = int(rng.integers(0, 8**11)) if rng.random() < 0.5 else int(rng.integers(0, 5000))
        assert header(name.encode(), size) == tar.header(name, size)


@pytest.mark.slow
def test_many_threads_share_a_reader_with_few_descriptors(copy: Any) -> None:
    dataset, known = open_dataset(copy.path), contents(copy.path)
    reader = SampleReader(dataset, ("jpg",), open_files=2)

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        for _ in range(40):
            compare(reader, reader.take(rng.integers(0, 21, 5), ("jpg",)), known)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, range(6)))
    shards = [path for path in leading_into(copy.path) if path.endswith(".tar")]
    assert 1 <= len(shards) <= 2
    reader.close()
    assert not [path for path in leading_into(copy.path) if path.endswith(".tar")]


def test_reader_travels_to_another_process_and_through_a_fork(drawn: Any) -> None:
    dataset, known = open_dataset(drawn.path), contents(drawn.path)
    reader = SampleReader(dataset, ("jpg",), threads=2)
    reader.take(np.arange(21))
    again = pickle.loads(pickle.dumps(reader))
    compare(again, again.take(np.arange(21), ("jpg",)), known)


@pytest.mark.parametrize("options", [{"on_error": "ignore"}, {"threads": 0}])
def test_options_out_of_range(drawn: Any, options: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="out of range"):
        SampleReader(open_dataset(drawn.path), **options)


def test_member_that_the_data_set_has_not(builder: Any) -> None:
    dataset = open_dataset(builder(samples=2, options={"background": "none"}).path)
    with pytest.raises(UsageError, match=r"no member \.bg\.jpg"):
        SampleReader(dataset, ("jpg", "bg.jpg"))


DAMAGE: dict[str, tuple[str, int, bytes]] = {
    "header": ("sat", -510, b"\xff"),
    "header of a photo": ("jpg", -412, b"\xff"),
    "checksum": ("fg", -512 + 150, b"9"),
    "table falls": ("sat", 2 * 33 * 16 + 20, b"\xff\xff"),
    "table has no frame": ("sat", 4, b"\x01"),
    "table ends elsewhere": ("sat", 2 * 33 * 33 - 2, b"\xfe\xff"),
    "version": ("meta", 0, b"\xff"),
    "height": ("meta", 4, b"\0\0\0\0"),
    "box outside": ("meta", 4 * 5, b"\xff\xff\xff\x7f"),
    "photo is no JPEG": ("jpg", 0, b"\0\0"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_with_tar_offset_and_key(damaged: Any, name: str) -> None:
    dataset, damage = damaged
    ext, at, data = DAMAGE[name]
    damage(8, ext, at, data)
    shard, row = dataset.locate(8)
    key, offset = shard.keys[row].decode(), shard.place(row, shard.members.index(ext))[0]
    reader = SampleReader(dataset, ("jpg",))
    with pytest.raises(BrokenSample, match=rf"{shard.name}\.tar {key}\.{ext} at byte {offset}") as caught:
        reader.take(np.arange(21), ("jpg",))
    assert caught.value.sample == 8
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.sample) == (str(caught.value), 8)
    with pytest.raises(BrokenSample, match=key):
        reader.encoded(8, "jpg") if ext == "jpg" else reader.small(np.array([8]))
    reader.take(np.array([7, 9]), ("jpg",))


@pytest.mark.slow
@pytest.mark.parametrize("skip", [False, True])
def test_tar_cut_while_it_is_read(copy: Any, skip: bool) -> None:
    """At 60 lengths; a reader that maps the file would die of SIGBUS here."""
    dataset, known = open_dataset(copy.path), contents(copy.path)
    shard = dataset.shards[1]
    path, rng = dataset.tar(shard), np.random.default_rng(5)
    whole = path.read_bytes()
    reader = SampleReader(dataset, ("jpg", "bg.jpg"), on_error="skip" if skip else "raise")
    reader.take(np.arange(21))  # the tar is open
    end = int(shard.offsets[-1, -1] + shard.sizes[-1, -1])  # of the last content
    for length in rng.integers(0, end, 60).tolist():
        os.truncate(path, length)
        reader.broken.clear()
        if skip:
            compare(reader, reader.take(np.arange(21), ("jpg", "bg.jpg")), known)
            assert set(reader.broken) <= set(range(6, 11))
            assert 10 in reader.broken
        else:
            with pytest.raises(BrokenSample, match=path.name):
                reader.take(np.arange(21), ("jpg", "bg.jpg"))
        path.write_bytes(whole)
    compare(reader, SampleReader(dataset, ("jpg",)).take(np.arange(21), ("jpg",)), known)


def test_tar_gone_after_opening(copy: Any) -> None:
    dataset, known = open_dataset(copy.path), contents(copy.path)
    dataset.tar(dataset.shards[2]).unlink()
    with pytest.raises(ShardFault, match=r"000002\.tar"):
        SampleReader(dataset).take(np.arange(21))
    reader = SampleReader(dataset, on_error="skip")
    compare(reader, reader.take(np.arange(21)), known)
    assert set(reader.broken) == set(range(11, 17))


def test_lean_samples_hold_what_their_mask_and_table_say(lean: Any) -> None:
    dataset = open_dataset(lean.path, check_hashes=True)
    reader = SampleReader(dataset, ("jpg",))
    known = contents(lean.path)
    taken = reader.take(np.array([6, 0, 4, 4]), ("jpg",))
    assert reader.keys(taken.samples) == ["s0006", "s0000", "s0004", "s0004"]
    for row, key in enumerate(reader.keys(taken.samples)):
        mask = np.asarray(Image.open(io.BytesIO(known[f"{key}.mask.png"])))
        assert np.array_equal(taken.small.fg[row], mask)
        table = np.frombuffer(known[f"{key}.sat"], "<u2").reshape(32, 32)
        assert np.array_equal(taken.small.sat[row, 1:, 1:], table)
        assert not taken.small.sat[row, 0].any()
        assert not taken.small.sat[row, :, 0].any()
        assert taken.small.meta[row].tobytes() == known[f"{key}.meta"]
        assert taken.encoded["jpg"][row].tobytes() == known[f"{key}.jpg"]
        soft = lean.by_key(key).mask
        assert (
            np.abs(
                mask / 255 - np.asarray(Image.fromarray(soft).resize((128, 128), Image.Resampling.BOX))
            ).mean()
            < 0.02
        )


def test_a_recipe_that_shows_backgrounds_is_refused_by_lean_shards(lean: Any) -> None:
    with pytest.raises(UsageError, match=r"no member \.bg\.jpg(?s:.)*--members lean(?s:.)*relicv2"):
        SampleReader(open_dataset(lean.path), ("jpg", "bg.jpg"))


@pytest.mark.parametrize("ext", ["mask.png", "sat", "meta"])
def test_a_bit_that_rots_in_a_lean_member_breaks_that_sample(lean: Any, tmp_path: Path, ext: str) -> None:
    shutil.copytree(lean.path, tmp_path / "copy")
    dataset = open_dataset(tmp_path / "copy")
    shard, row = dataset.locate(3)
    place, _ = shard.place(row, shard.members.index(ext))
    with dataset.tar(shard).open("r+b") as file:
        file.seek(place + 40)
        byte = file.read(1)[0]
        file.seek(place + 40)
        file.write(bytes([byte ^ 1]))
    with pytest.raises(BrokenSample, match="CRC-32C") as caught:
        SampleReader(dataset).small(np.arange(7))
    assert caught.value.sample == 3
    taken = SampleReader(dataset, on_error="skip").take(np.arange(7))
    assert taken.samples[3] != 3
