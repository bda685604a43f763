"""Single samples through the table, against what was put into the shard."""

from __future__ import annotations

from typing import Any

import pytest

from maskgen.errors import ShardFault
from maskgen.shards.reader import check_size, read_samples
from maskgen.shards.record import Record, read_records
from maskgen.shards.tar import read_members


@pytest.fixture
def records(committed: Any) -> list[Record]:
    return list(read_records(committed.path))


def test_samples_come_in_order_with_the_members_asked_for(committed: Any, records: list[Record]) -> None:
    for record, samples in zip(records, committed.samples, strict=True):
        found = list(read_samples(committed.path, record, ("json", "meta")))
        assert [sample.key for sample in found] == [sample.key for sample in samples]
        for sample, put in zip(found, samples, strict=True):
            assert sample.members == {ext: data for ext, data in put.members if ext in ("json", "meta")}


def test_some_keys_only(committed: Any, records: list[Record]) -> None:
    found = list(read_samples(committed.path, records[0], ("cls",), keys={"a1", "b0"}))
    assert [(sample.key, sample.members) for sample in found] == [("a1", {"cls": b"0"})]


def test_a_member_that_the_data_set_has_not(committed: Any, records: list[Record]) -> None:
    with pytest.raises(ShardFault, match="no such member"):
        list(read_samples(committed.path, records[0], ("bg.jpg",)))


@pytest.mark.slow
@pytest.mark.parametrize("suffix", ["tar", "idx", "parquet"])
def test_a_file_of_another_size_or_none(committed: Any, records: list[Record], suffix: str) -> None:
    check_size(committed.path, records[0])
    path = committed.path / f"{records[0].name}.{suffix}"
    with path.open("ab") as file:
        file.write(b"\0")
    with pytest.raises(ShardFault, match=r"bytes, \d+ recorded"):
        check_size(committed.path, records[0])
    path.unlink()
    with pytest.raises(ShardFault, match="is missing"):
        list(read_samples(committed.path, records[0], ("json",)))


def test_a_flipped_bit_is_found_by_the_read(committed: Any, records: list[Record]) -> None:
    record = records[0]
    path = committed.path / f"{record.name}.tar"
    place = next(member for member in read_members(path) if member.name == "a1.json")
    data = bytearray(path.read_bytes())
    data[place.offset + place.size - 2] ^= 1
    path.write_bytes(data)
    assert len(list(read_samples(committed.path, record, ("jpg",)))) == 2
    with pytest.raises(ShardFault, match=r"(?s)CRC-32C.*a1\.json"):
        list(read_samples(committed.path, record, ("jpg", "json")))
