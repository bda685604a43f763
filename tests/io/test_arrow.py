"""Tables from rows: those of pyarrow's own conversion, bit for bit in Parquet, and no pandas."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgen.io.arrow import array_of, flags_of, integers_of, scalar_of, table_of, to_integers

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("label", pa.string()),
        pa.field("width", pa.int32()),
        pa.field("offset", pa.int64()),
        pa.field("area", pa.float64()),
        pa.field("box", pa.list_(pa.int32())),
        pa.field("verbatim", pa.bool_()),
        pa.field("raw", pa.binary()),
    ]
)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
INT32 = st.integers(-(2**31), 2**31 - 1)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"key": TEXT},
        optional={
            "label": st.none() | TEXT,
            "width": st.none() | INT32,
            "offset": st.none() | st.integers(-(2**63), 2**63 - 1),
            "area": st.none() | st.floats(),
            "box": st.none() | st.lists(INT32, max_size=4),
            "verbatim": st.none() | st.booleans(),
            "raw": st.none() | st.binary(max_size=5),
        },
    ),
    max_size=12,
)


def parquet(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


@settings(deadline=None)  # the first example imports pandas, for the comparison
@given(rows=ROWS)
def test_the_table_is_pyarrows_own(rows: list[dict[str, Any]]) -> None:
    found, expected = table_of(rows, SCHEMA), pa.Table.from_pylist(rows, schema=SCHEMA)
    found.validate(full=True)
    assert found.schema.equals(expected.schema)
    assert parquet(found) == parquet(expected)


@pytest.mark.parametrize(
    ("name", "value"), [("key", 3), ("width", 2**31), ("width", "wide"), ("box", [2**40]), ("area", "x")]
)
def test_a_value_of_another_type_is_refused(name: str, value: object) -> None:
    with pytest.raises((AttributeError, OverflowError, TypeError, ValueError)):
        table_of([{"key": "a", name: value}], SCHEMA)


def test_parts_of_tables_are_pyarrows_own() -> None:
    flags = np.random.default_rng(0).random(19) < 0.5
    assert flags_of(flags).equals(pa.array(flags))
    numbers = np.array([[1, -2], [2**63 - 1, 0]])
    assert integers_of(numbers[:, 1]).equals(pa.array(numbers[:, 1]))
    assert integers_of(numbers[:0, 1]).equals(pa.array([], pa.int64()))
    assert scalar_of("ö", pa.string()).equals(pa.scalar("ö"))
    assert array_of([None, True], pa.bool_()).equals(pa.array([None, True]))


@pytest.mark.parametrize("kind", [pa.int32(), pa.uint32(), pa.int64()])
def test_columns_of_integers_are_pyarrows_own(kind: pa.DataType) -> None:
    values = [5, None, 0, 7, None, 9]
    whole = pa.array(values, kind)
    for column in (
        pa.chunked_array([whole]),
        pa.chunked_array([whole[1:4], whole[:0], whole[4:]]),
        pa.chunked_array([], kind),
        pa.chunked_array([whole[2:4]]),
    ):
        want = column.cast(pa.int64()).fill_null(-1).to_numpy()
        np.testing.assert_array_equal(to_integers(column, -1), want)


@pytest.mark.slow
def test_pandas_is_not_imported() -> None:
    pytest.importorskip("pandas")
    code = (
        "import sys, pyarrow as pa; from maskgen.io.arrow import table_of;"
        "table_of([{'a': 'x', 'b': [1]}], pa.schema([('a', pa.string()), ('b', pa.list_(pa.int32()))]));"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
