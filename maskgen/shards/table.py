"""The Parquet table of a shard: one row per planned image, finished or quarantined, in plan order."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import ShardFault
from ..io.arrow import table_of
from ..io.storage.location import Location
from ..io.storage.reading import read_whole
from .naming import LOSSLESS_PHOTO, MEMBERS
from .sealed_json import MEND


def column(ext: str, part: str) -> str:
    """The column of a member's ``offset``, ``size`` or ``crc32c``, for example ``mask_png_offset``."""
    return f"{ext.replace('.', '_')}_{part}"


_MEMBERS = tuple(ext for ext in MEMBERS if ext != LOSSLESS_PHOTO)
_FORMAT_2 = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        pa.field("status", pa.string(), nullable=False),  # ok or failed
        pa.field("error", pa.string(), nullable=False),  # "reason: detail"
        pa.field("label", pa.string()),  # JSON
        pa.field("width", pa.int32()),
        pa.field("height", pa.int32()),
        pa.field("fg_area", pa.float64()),
        pa.field("fg_box", pa.list_(pa.int32())),
        pa.field("background", pa.string()),
        pa.field("verbatim", pa.bool_()),
        pa.field("source_sha256", pa.string()),
        pa.field("mask_sha256", pa.string()),  # of the stored mask's pixels
        pa.field("sha256", pa.string()),  # of the members' contents, in order
    ]
    + [pa.field(column(ext, part), pa.int64()) for ext in _MEMBERS for part in ("offset", "size")]
)
_FORMAT_3 = pa.schema(
    [
        *_FORMAT_2,
        pa.field("source_crc32c", pa.uint32()),  # of the source's bytes, where the photo is stored verbatim
        *(pa.field(column(ext, "crc32c"), pa.uint32()) for ext in _MEMBERS),
    ]
)
SCHEMA = pa.schema([*_FORMAT_3, pa.field("confidence", pa.float64())])
"""The columns since format 4."""


def _lossless(schema: pa.Schema) -> pa.Schema:
    """The columns of a data set whose photos are PNGs."""
    return pa.schema(
        [
            *schema,
            pa.field(column(LOSSLESS_PHOTO, "offset"), pa.int64()),
            pa.field(column(LOSSLESS_PHOTO, "size"), pa.int64()),
            pa.field(column(LOSSLESS_PHOTO, "crc32c"), pa.uint32()),
        ]
    )


_LOSSLESS = _lossless(SCHEMA)
_READABLE = (SCHEMA, _LOSSLESS, _FORMAT_3, _lossless(_FORMAT_3), _FORMAT_2)


def render(rows: Sequence[dict[str, Any]]) -> bytes:
    """The table's bytes; the same rows and library version give the same bytes."""
    sink = io.BytesIO()
    lossless = any(column(LOSSLESS_PHOTO, "offset") in row for row in rows)
    pq.write_table(table_of(rows, _LOSSLESS if lossless else SCHEMA), sink, compression="zstd")
    return sink.getvalue()


def read(path: Location, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a shard's table, of any format that is read.

    Args:
        path: of the table.
        columns: to read, all by default; a table of format 2 has no checksums, one of formats 2 and 3 no
            confidence, and comes without them.

    Raises:
        ShardFault: not a table with these columns.
    """
    try:
        # Without threads: those of the Parquet reader can outlive the interpreter, which then aborts.
        with pq.ParquetFile(io.BytesIO(read_whole(path)), pre_buffer=False) as file:
            sound = any(file.schema_arrow.equals(schema) for schema in _READABLE)
            table = file.read(columns=list(columns) if columns else None, use_threads=False)
        table.validate(full=True)  # text that is no UTF-8 would fail where it is used
    except (pa.ArrowException, OSError, ValueError) as error:
        raise ShardFault("cannot read the table", where=path.name, cause=str(error), remedy=MEND) from error
    if not sound:
        raise ShardFault(
            "the table has other columns", where=path.name, cause="damage or another version", remedy=MEND
        )
    return table
