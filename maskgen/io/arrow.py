"""Arrow from plain Python and NumPy, and back, without pandas.

`pyarrow.array`, `pyarrow.scalar`, `Table.from_pylist`, `to_numpy` and the functions of `pyarrow.compute` that
are given a Python value import pandas wherever it is installed, to ask whether that is a pandas object. This
takes longer than all the rest of a process's start, and a run or a loader has a process for each core.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def table_of(rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> pa.Table:
    """What `pyarrow.Table.from_pylist` makes, from the memory's layout up.

    Args:
        rows: each maps the names of fields to values; a missing one is null.
        schema: of fields of type string, binary, bool, an integer, a float, or a list of one of these.

    Raises:
        AttributeError, OverflowError, TypeError, ValueError: a value is not of its field's type.

    Example:
        >>> import pyarrow as pa
        >>> from maskgen.io.arrow import table_of
        >>> schema = pa.schema([("name", pa.string()), ("box", pa.list_(pa.int32()))])
        >>> table_of([{"name": "a", "box": [1, 2]}, {"name": "b"}], schema).to_pylist()
        [{'name': 'a', 'box': [1, 2]}, {'name': 'b', 'box': None}]
    """
    columns = [array_of([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def array_of(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    """What `pyarrow.array` makes of values of a type that `table_of` knows; None is null.

    Raises:
        AttributeError, OverflowError, TypeError, ValueError: a value is not of that type.

    Example:
        >>> import pyarrow as pa
        >>> from maskgen.io.arrow import array_of
        >>> array_of(["a", None], pa.string()).to_pylist()
        ['a', None]
    """
    here = np.array([value is not None for value in values], bool)
    valid = None if here.all() else _bits(here)
    if pa.types.is_list(kind):
        lists = [value or [] for value in values]
        flat = array_of([one for value in lists for one in value], kind.value_type)
        return pa.Array.from_buffers(kind, len(values), [valid, _offsets(lists)], children=[flat])
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        encode = bytes if pa.types.is_binary(kind) else str.encode
        texts = [b"" if value is None else encode(value) for value in values]
        buffers = [valid, _offsets(texts), pa.py_buffer(b"".join(texts))]
    elif pa.types.is_boolean(kind):
        buffers = [valid, _bits(np.array([bool(value) for value in values], bool))]
    else:
        dtype = np.dtype(kind.to_pandas_dtype())  # NumPy's; only the name is pandas'
        numbers = np.array([0 if value is None else value for value in values], dtype)
        buffers = [valid, pa.py_buffer(numbers)]
    return pa.Array.from_buffers(kind, len(values), buffers)


def scalar_of(value: Any, kind: pa.DataType) -> pa.Scalar:
    """What `pyarrow.scalar` makes of a value."""
    return array_of([value], kind)[0]


def flags_of(flags: NDArray[np.bool_]) -> pa.Array:
    """What `pyarrow.array` makes of (N,) bool."""
    return pa.Array.from_buffers(pa.bool_(), len(flags), [None, _bits(flags)])


def integers_of(numbers: NDArray[np.int64]) -> pa.Array:
    """What `pyarrow.array` makes of (N,) int64."""
    return pa.Array.from_buffers(
        pa.int64(), len(numbers), [None, pa.py_buffer(np.ascontiguousarray(numbers))]
    )


def to_integers(column: pa.ChunkedArray, missing: int) -> NDArray[np.int64]:
    """(N,) int64, what `to_numpy` gives of a column of integers, with `missing` in the place of nulls.

    Example:
        >>> import pyarrow as pa
        >>> from maskgen.io.arrow import array_of, to_integers
        >>> to_integers(pa.chunked_array([array_of([7, None], pa.int32())]), -1)
        array([ 7, -1])
    """
    filled = column.cast(pa.int64()).fill_null(scalar_of(missing, pa.int64()))
    parts = [
        np.frombuffer(chunk.buffers()[1], np.int64, len(chunk), 8 * chunk.offset)
        for chunk in filled.chunks
        if len(chunk)
    ]
    return np.concatenate([np.zeros(0, np.int64), *parts])


def _bits(flags: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _offsets(parts: Sequence[Sequence[Any]]) -> pa.Buffer:
    return pa.py_buffer(np.cumsum([0, *map(len, parts)]).astype(np.int32))
