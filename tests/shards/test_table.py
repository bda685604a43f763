"""The table of a shard, as Parquet readers see it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from maskgen.errors import ShardFault
from maskgen.shards import table
from maskgen.shards.record import read_records


def test_a_row_for_each_planned_image_with_the_places_in_the_tar(committed: Any) -> None:
    record = list(read_records(committed.path))[1]
    rows = pq.read_table(committed.path / f"{record.name}.parquet").to_pylist()
    assert [(row["key"], row["status"], row["error"]) for row in rows] == [
        ("b0", "ok", ""),
        ("torn", "failed", "truncated: ends early"),
    ]
    tar = (committed.path / f"{record.name}.tar").read_bytes()
    for ext, data in committed.samples[1][0].members:
        name = ext.replace(".", "_")
        offset, size = rows[0][f"{name}_offset"], rows[0][f"{name}_size"]
        assert tar[offset : offset + size] == data
    assert rows[0]["bg_jpg_offset"] is None
    assert rows[1]["jpg_offset"] is None


def test_the_same_rows_are_the_same_bytes() -> None:
    row = {"key": "k", "path": "p", "status": "ok", "error": "", "fg_box": [1, 2, 3, 4]}
    assert table.render([row]) == table.render([dict(reversed(row.items()))])


def test_a_table_of_something_else_is_refused(tmp_path: Path) -> None:
    path, sink = tmp_path / "d.parquet", io.BytesIO()
    pq.write_table(pa.table({"key": ["a"]}), sink)
    path.write_bytes(sink.getvalue())
    with pytest.raises(ShardFault, match="other columns"):
        table.read(path)
    path.write_bytes(b"PAR1 and nothing more PAR1")
    with pytest.raises(ShardFault, match="cannot read the table"):
        table.read(path)
    with pytest.raises(ShardFault, match="cannot read the table"):
        table.read(tmp_path / "none.parquet")


def test_only_the_columns_asked_for(committed: Any) -> None:
    record = next(iter(read_records(committed.path)))
    found = table.read(committed.path / f"{record.name}.parquet", ["key", table.column("mask.png", "size")])
    assert found.column_names == ["key", "mask_png_size"]
    assert found["key"].to_pylist() == ["a0", "a1"]


def test_the_checksums_are_those_of_the_crc32c_package(committed: Any) -> None:
    peer = pytest.importorskip("crc32c")
    record = next(iter(read_records(committed.path)))
    rows = pq.read_table(committed.path / f"{record.name}.parquet").to_pylist()
    for row, sample in zip(rows, committed.samples[0], strict=True):
        for ext, data in sample.members:
            assert row[table.column(ext, "crc32c")] == peer.crc32c(data)
        assert (row["bg_jpg_crc32c"], row["source_crc32c"]) == (None, None)  # no such member; not verbatim


def test_a_table_of_format_2_is_read_without_checksums(tmp_path: Path) -> None:
    names = [name for name in table.SCHEMA.names if not name.endswith("crc32c") and name != "confidence"]
    old = pa.schema([table.SCHEMA.field(name) for name in names])
    row = {"key": "k", "path": "p", "status": "ok", "error": "", "jpg_offset": 512}
    pq.write_table(pa.Table.from_pylist([row], schema=old), tmp_path / "d.parquet")
    found = table.read(tmp_path / "d.parquet", ["key", "jpg_offset", "jpg_crc32c"])
    assert found.to_pylist() == [{"key": "k", "jpg_offset": 512}]
    assert table.read(tmp_path / "d.parquet").column_names == names


@pytest.mark.parametrize("lossless", [False, True])
def test_a_table_of_format_3_is_read_without_confidences(tmp_path: Path, lossless: bool) -> None:
    old = [table.SCHEMA.field(name) for name in table.SCHEMA.names if name != "confidence"]
    kinds = {"png_offset": pa.int64(), "png_size": pa.int64(), "png_crc32c": pa.uint32()} if lossless else {}
    schema = pa.schema([*old, *(pa.field(name, kind) for name, kind in kinds.items())])
    row = {"key": "k", "path": "p", "status": "ok", "error": "", "jpg_crc32c": 7}
    pq.write_table(pa.Table.from_pylist([row], schema=schema), tmp_path / "d.parquet")
    found = table.read(tmp_path / "d.parquet", ["key", "jpg_crc32c", "confidence"])
    assert found.to_pylist() == [{"key": "k", "jpg_crc32c": 7}]
    assert table.read(tmp_path / "d.parquet").column_names == schema.names
