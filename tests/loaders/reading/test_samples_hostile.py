"""Forged samples, whose hashes and checksums all agree: refused before a decoder sees them, or replaced."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest
from forge import forge, huge_jpeg, metas

from maskgen.errors import ShardFault
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.reading.samples import SampleReader
from maskgen.shards.verify import verify

SIDE = 16_000
PICTURES = ("jpg", "bg.jpg")


def huge_meta(meta: Any) -> bytes:
    meta["size"], meta["bg_box"] = SIDE, (0, 0, SIDE, SIDE)
    return bytes(meta.tobytes())


def check_broken(path: Any, key: str, said: str) -> None:
    """One sample is named, and replaced by others where that is wished."""
    strict = SampleReader(open_dataset(path), PICTURES)
    number = [sample.decode() for shard in strict.dataset.shards for sample in shard.keys].index(key)
    with pytest.raises(BrokenSample, match=said) as caught:
        strict.take(np.arange(21), PICTURES)
    assert caught.value.sample == number
    for ext in PICTURES:
        if f"{key}.{ext}" in caught.value.where:
            with pytest.raises(BrokenSample, match=said):
                strict.encoded(number, ext)
    tolerant = SampleReader(open_dataset(path), PICTURES, on_error="skip")
    taken = tolerant.take(np.arange(21), PICTURES)
    assert number not in taken.samples
    assert tolerant.skipped == 1


@pytest.mark.slow
@pytest.mark.parametrize("ext", PICTURES)
def test_a_picture_of_another_size_than_its_meta_gives(copy: Any, ext: str) -> None:
    forge(copy.path, {"s0008": {ext: huge_jpeg(SIDE)}})
    check_broken(copy.path, "s0008", rf"(?s)s0008\.{ext}.*16000x16000 px")
    assert any("16000x16000" in fault.text for fault in verify(copy.path, "full").faults)


def test_a_huge_photo_that_its_meta_and_the_manifest_admit(copy: Any, resealed: Any) -> None:
    meta = huge_meta(metas(copy.path)["s0008"])
    forge(copy.path, {"s0008": {"jpg": huge_jpeg(SIDE), "bg.jpg": huge_jpeg(SIDE), "meta": meta}})
    check_broken(copy.path, "s0008", r"(?s)impossible values.*s0008\.meta")


@pytest.mark.slow
@pytest.mark.parametrize("data", [b"\xff\xd8\xff\xd9", b"\xff\xd8" + b"\x07" * 90], ids=["empty", "junk"])
def test_a_picture_without_a_header(copy: Any, data: bytes) -> None:
    forge(copy.path, {"s0008": {"jpg": data}})
    check_broken(copy.path, "s0008", r"(?s)header.*s0008\.jpg")


def test_a_box_of_foreground_where_the_table_of_sums_has_none(copy: Any) -> None:
    forge(copy.path, {"s0008": {"sat": bytes(2178)}})
    check_broken(copy.path, "s0008", r"(?s)impossible values.*s0008\.sat")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("kind", ["fifo", "device", "folder"])
def test_a_tar_that_has_become_something_else_is_refused_and_not_waited_for(copy: Any, kind: str) -> None:
    dataset = open_dataset(copy.path)
    path = dataset.tar(dataset.shards[1])
    path.unlink()
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(ShardFault, match=rf"(?s){path.name}.*not a regular file"):
        SampleReader(dataset).take(np.arange(21))
    tolerant = SampleReader(dataset, on_error="skip")
    assert not set(range(6, 11)) & set(tolerant.take(np.arange(21)).samples.tolist())
    with pytest.raises(ShardFault):
        open_dataset(copy.path)
    assert verify(copy.path, "hashes").faults
