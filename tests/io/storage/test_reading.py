"""Bytes of an object are those of the file, in few requests, or there is an error."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from faulty_store import FaultyStore

from maskgen.io.storage import reading
from maskgen.io.storage.location import Location, ObjectLocation
from maskgen.io.storage.uploads import object_sha256

DATA = os.urandom(3_000_000)


@pytest.fixture
def far(faulty_store: FaultyStore) -> ObjectLocation:
    faulty_store.objects["root/a"] = DATA
    faulty_store.objects["root/empty"] = b""
    return ObjectLocation("s3://bucket", "root")


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "a").write_bytes(DATA)
    (tmp_path / "empty").write_bytes(b"")
    return tmp_path


def test_any_bytes_in_any_order_are_the_files(far: ObjectLocation, here: Path) -> None:
    rng = np.random.default_rng(0)
    with reading.open_bytes(far / "a") as one, reading.open_bytes(here / "a") as other:
        for offset in rng.integers(0, len(DATA) + 1000, 15).tolist():
            size = int(rng.integers(0, 400_000))
            assert one.read_at(offset, size) == other.read_at(offset, size) == DATA[offset : offset + size]
        assert one.length() == other.length() == len(DATA)


@pytest.mark.parametrize("at", ["far", "here"])
def test_streams_whole_files_parts_and_hashes(at: str, request: pytest.FixtureRequest) -> None:
    folder: Location = request.getfixturevalue(at)
    with reading.open_stream(folder / "a") as stream:
        assert stream.read(10) == DATA[:10]
        stream.seek(-5, os.SEEK_END)
        assert stream.read() == DATA[-5:]
        stream.seek(1_000_000)
        assert stream.read(2) == DATA[1_000_000:1_000_002]
    assert reading.read_whole(folder / "a") == b"".join(reading.read_parts(folder / "a", len(DATA))) == DATA
    assert reading.read_whole(folder / "empty") == b""
    assert list(reading.read_many([folder / "a", folder / "empty"])) == [DATA, b""]
    if isinstance(place := folder / "a", ObjectLocation):
        assert object_sha256(place.bucket, place.key) == hashlib.sha256(DATA).hexdigest()
    with pytest.raises(EOFError) as caught:
        list(reading.read_parts(folder / "a", len(DATA) + 1))
    assert caught.value.args == (len(DATA),)
    with pytest.raises(FileNotFoundError), reading.open_bytes(folder / "absent") as file:
        file.read_at(0, 1)


@pytest.mark.parametrize("at", ["far", "here"])
def test_a_part_of_a_file_is_a_file(at: str, request: pytest.FixtureRequest) -> None:
    with reading.open_bytes(request.getfixturevalue(at) / "a") as file:
        with reading.open_part(file, 1000, 91_000) as part:
            assert part.read(5) == DATA[1000:1005]
            assert part.seek(-10, os.SEEK_END) == 89_990
            assert part.read() == DATA[90_990:91_000]
            assert part.seek(0) == 0
            assert part.read() == DATA[1000:91_000]
            assert part.seek(100_000) == 100_000
            assert part.read() == b""
        assert file.read_at(0, 3) == DATA[:3], "it stays open"


def test_a_large_object_is_read_whole_in_parts(
    far: ObjectLocation, faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PART_BYTES", 700_000)
    assert reading.read_whole(far / "a") == DATA
    assert faulty_store.asked["GET"] == 5


def test_reading_onwards_takes_ever_larger_requests_and_far_jumps_small_ones(
    far: ObjectLocation, faulty_store: FaultyStore
) -> None:
    """By steps of 512 bytes, as tar headers are looked at: four requests of .25, .5, 1 and 2 MiB."""
    with reading.open_bytes(far / "a") as file:
        for offset in range(0, len(DATA), 5000):
            assert file.read_at(offset, 512) == DATA[offset : offset + 512]
        assert faulty_store.asked["GET"] == 4
        file.read_at(10, 512)
        assert file.read_at(20_000, 512) == DATA[20_000:20_512]
        assert faulty_store.asked["GET"] == 5


def test_an_object_that_changes_while_it_is_read_is_an_error(
    far: ObjectLocation, faulty_store: FaultyStore
) -> None:
    with reading.open_bytes(far / "a") as file:
        file.read_at(0, 10)
        faulty_store.objects["root/a"] = bytes(len(DATA))
        with pytest.raises(OSError, match="changed"):
            file.read_at(2_000_000, 10)


def test_a_body_that_is_cut_off_is_read_again(far: ObjectLocation, faulty_store: FaultyStore) -> None:
    faulty_store.faults += [("GET", "a", "cut"), ("GET", "a", "503")]
    assert reading.read_whole(far / "a") == DATA
