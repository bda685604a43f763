"""The table of a plan: any shard's rows by its number, as fast in a large table as in a small one."""

from __future__ import annotations

import io
import struct
import time
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskgen.errors import ShardFault
from maskgen.io.arrow import table_of
from maskgen.shards import naming
from maskgen.shards.plan import from_row, shard_files, shard_rows
from maskgen.shards.plan_table import (
    PART_SHARDS,
    ROWS,
    TableWriter,
    all_rows,
    is_whole,
    render_part,
    write_table,
)


def row(number: int, images: int = 0) -> dict[str, Any]:
    name = f"{number}-{images}"
    return {
        "key": name,
        "path": f"{name}.jpg",
        "label": "null",
        "file": f"{name}.jpg",
        "offset": 0,
        "size": number,
        "codec": "",
        "member": "",
    }


def rows(number: int) -> list[dict[str, Any]]:
    return [row(number, image) for image in range(1 + number % 2)]


def shard(number: int) -> pa.Table:
    return table_of(rows(number), ROWS)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("plan")
    with (folder / naming.PLAN_TABLE).open("wb") as file:
        write_table(file, map(shard, range(150)))
    return folder


def test_each_shard_is_found_by_its_number(table: Path) -> None:
    for number in range(150):
        assert [image.sample.key for image in shard_rows(table, number)] == [r["key"] for r in rows(number)]
    assert shard_files(table, 149) == ["149-0.jpg", "149-1.jpg"]


def test_all_are_read_in_their_order(table: Path) -> None:
    assert [one.to_pylist() for one in all_rows(table)] == [rows(number) for number in range(150)]


@pytest.mark.parametrize("number", [150, 191, 192, 10**9])
def test_a_shard_that_is_not_there_is_a_fault(table: Path, number: int) -> None:
    with pytest.raises(ShardFault, match="plan's table"):
        shard_rows(table, number)


def test_the_places_are_those_that_the_format_page_says(table: Path) -> None:
    """Read by hand: the offsets of the parts, of the end of the last, then count, shards of each and mark."""
    data = (table / naming.PLAN_TABLE).read_bytes()
    count, each, mark = struct.unpack("<QQ8s", data[-24:])
    assert (count, each, mark) == (3, 64, b"MASKPLAN")
    offsets = struct.unpack("<4Q", data[-56:-24])
    assert offsets[-1] == len(data) - 56
    second = pq.ParquetFile(io.BytesIO(data[offsets[1] : offsets[2]]))
    assert second.num_row_groups == 64
    assert second.read_row_group(3).to_pylist() == rows(67)


def test_the_table_of_an_older_run_is_read(tmp_path: Path) -> None:
    """It was one Parquet file with a row group a shard."""
    with pq.ParquetWriter(tmp_path / "plan.parquet", ROWS, compression="zstd") as writer:
        for number in range(5):
            writer.write_table(shard(number))
    assert [image.sample.key for image in shard_rows(tmp_path, 3)] == ["3-0", "3-1"]
    assert [one.to_pylist() for one in all_rows(tmp_path)] == [rows(number) for number in range(5)]
    assert is_whole(tmp_path, 5)
    assert not is_whole(tmp_path, 6)
    with pytest.raises(ShardFault, match=r"plan\.parquet"):
        shard_rows(tmp_path, 5)


def test_a_cut_table_is_not_whole(table: Path, tmp_path: Path) -> None:
    data = (table / naming.PLAN_TABLE).read_bytes()
    copy = tmp_path / naming.PLAN_TABLE
    copy.write_bytes(data)
    assert is_whole(tmp_path, 150)
    assert not is_whole(tmp_path, 1000)
    for length in (0, 5, 24, 1000, len(data) - 1):
        copy.write_bytes(data[:length])
        assert not is_whole(tmp_path, 150)
        with pytest.raises(ShardFault, match="plan's table"):
            shard_rows(tmp_path, 0)
    copy.unlink()
    assert not is_whole(tmp_path, 150)


def test_a_flipped_bit_of_any_row_is_noticed_when_it_is_read(tmp_path: Path) -> None:
    """Runs trust the table without a hash of the whole."""
    part = render_part([shard(0)])
    start = pq.ParquetFile(io.BytesIO(part)).metadata.row_group(0).column(0).dictionary_page_offset
    footer = struct.unpack("<L", part[-8:-4])[0]
    wanted, told = [from_row(row) for row in rows(0)], 0
    places = range(start, len(part) - 8 - footer, 11)
    for place in places:
        data = bytearray(part)
        data[place] ^= 16
        with (tmp_path / naming.PLAN_TABLE).open("wb") as file:
            writer = TableWriter(file)
            writer.append(bytes(data))
            writer.end()
        try:
            assert shard_rows(tmp_path, 0) == wanted, place
        except ShardFault:
            told += 1
    assert told > len(places) / 2  # the rest are statistics that nobody reads


def test_a_large_table_is_read_as_fast_as_a_small_one(tmp_path: Path) -> None:
    """40,000 shards, whose one footer took .13 to .2 s; the fastest of several reads, on a busy machine."""
    part = render_part([shard(0)] * PART_SHARDS)
    with (tmp_path / naming.PLAN_TABLE).open("wb") as file:
        writer = TableWriter(file)
        for _ in range(40_000 // PART_SHARDS):
            writer.append(part)
        writer.end()

    def seconds() -> float:
        start = time.perf_counter()
        shard_rows(tmp_path, 39_999)
        return time.perf_counter() - start

    assert min(seconds() for _ in range(20)) < 0.005
