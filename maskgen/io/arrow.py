"""Arrow tables from plain Python rows, without pandas.

`pyarrow.array` and `pyarrow.Table.from_pylist` import pandas wherever it is installed, to ask whether what
they are given is a pandas object. That takes longer than all the rest of a process's start, and a run has a
process for each core.
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
        schema: of fields of type string, bool, an integer, a float, or a list of one of these.

    Raises:
        AttributeError, OverflowError, TypeError, ValueError: a value is not of its field's type.

    Example:
        >>> import pyarrow as pa
        >>> from maskgen.io.arrow import table_of
        >>> schema = pa.schema([("name", pa.string()), ("box", pa.list_(pa.int32()))])
        >>> table_of([{"name": "a", "box": [1, 2]}, {"name": "b"}], schema).to_pylist()
        [{'name': 'a', 'box': [1, 2]}, {'name': 'b', 'box': None}]
    """
    columns = [_array([row.get(field.name) for row in rows], field.type) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _array(values: list[Any], kind: pa.DataType) -> pa.Array:
    here = np.array([value is not None for value in values], bool)
    valid = None if here.all() else _bits(here)
    if pa.types.is_list(kind):
        lists = [value or [] for value in values]
        flat = _array([one for value in lists for one in value], kind.value_type)
        return pa.Array.from_buffers(kind, len(values), [valid, _offsets(lists)], children=[flat])
    if pa.types.is_string(kind):
        texts = [b"" if value is None else value.encode() for value in values]
        buffers = [valid, _offsets(texts), pa.py_buffer(b"".join(texts))]
    elif pa.types.is_boolean(kind):
        buffers = [valid, _bits(np.array([bool(value) for value in values], bool))]
    else:
        dtype = np.dtype(kind.to_pandas_dtype())  # NumPy's; only the name is pandas'
        numbers = np.array([0 if value is None else value for value in values], dtype)
        buffers = [valid, pa.py_buffer(numbers)]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _bits(flags: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(flags, bitorder="little"))


def _offsets(parts: Sequence[Sequence[Any]]) -> pa.Buffer:
    return pa.py_buffer(np.cumsum([0, *map(len, parts)]).astype(np.int32))
