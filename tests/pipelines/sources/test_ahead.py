"""Photos that come before they are asked for: the right ones, a bounded number, each with its own fault."""

from __future__ import annotations

import os
import time

import pytest
from faulty_store import FaultyStore

from maskgen.errors import EnvironmentFault, ImageFault
from maskgen.io.storage.location import ObjectLocation
from maskgen.pipelines.sources import ByteReader, ahead
from maskgen.types import ByteRef

MAX_BYTES = 1 << 20


def reader_of(store: FaultyStore, photos: list[bytes]) -> tuple[ByteReader, list[ByteRef]]:
    """A reader that expects the photos in order."""
    store.objects = {f"p/{number:02d}.jpg": data for number, data in enumerate(photos)}
    refs = [ByteRef(f"{number:02d}.jpg", 0, len(data)) for number, data in enumerate(photos)]
    reader = ByteReader(ObjectLocation("s3://bucket", "p"), MAX_BYTES)
    reader.expect(refs)
    return reader, refs


def wait_for_requests(store: FaultyStore, count: int) -> None:
    end = time.monotonic() + 5
    while store.asked["GET"] < count and time.monotonic() < end:
        time.sleep(0.01)
    time.sleep(0.05)
    assert store.asked["GET"] == count


def test_the_next_four_are_on_their_way_and_every_photo_is_asked_for_once(faulty_store: FaultyStore) -> None:
    photos = [os.urandom(500 + number) for number in range(12)]
    reader, refs = reader_of(faulty_store, photos)
    assert not faulty_store.asked
    assert reader.read(refs[0]) == photos[0]
    wait_for_requests(faulty_store, 5)
    assert [reader.read(ref) for ref in refs[1:]] == photos[1:]
    assert faulty_store.asked == {"GET": 12}


def test_photos_may_be_left_out_or_read_again(faulty_store: FaultyStore) -> None:
    photos = [os.urandom(500 + number) for number in range(12)]
    reader, refs = reader_of(faulty_store, photos)
    for number in (3, 7, 8, 0, 3, 11):
        assert reader.read(refs[number]) == photos[number]
    assert reader.read(ByteRef("05.jpg", 10, 50)) == photos[5][10:60]  # as a member of a tar


def test_bytes_that_wait_are_bounded(faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ahead, "_BYTES", 2500)
    photos = [bytes([number]) * 1000 for number in range(5)]
    photos[3] = bytes(4000)
    reader, refs = reader_of(faulty_store, photos)
    assert reader.read(refs[0]) == photos[0]
    wait_for_requests(faulty_store, 2)
    assert [reader.read(ref) for ref in refs[1:]] == photos[1:]


def test_a_fault_is_that_of_its_own_photo(faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch) -> None:
    photos = [os.urandom(500) for _ in range(5)]
    reader, refs = reader_of(faulty_store, photos)
    del faulty_store.objects["p/01.jpg"]
    faulty_store.objects["p/02.jpg"] = photos[2][:99]
    faulty_store.faults += [("GET", "03.jpg", "cut"), ("GET", "03.jpg", "503")]
    assert reader.read(refs[0]) == photos[0]
    with pytest.raises(ImageFault, match="no such object"):
        reader.read(refs[1])
    with pytest.raises(ImageFault, match="99 of 500 bytes"):
        reader.read(refs[2])
    assert reader.read(refs[3]) == photos[3]
    monkeypatch.setenv("MASKGEN_STORE_RETRY_S", "0.2")
    faulty_store.left = 0
    reader.expect(refs)
    with pytest.raises(EnvironmentFault, match=r"s3://bucket/p/04\.jpg"):
        reader.read(refs[4])
