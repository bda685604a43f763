"""The element-wise JSON reader against `json.loads`, in pieces of every size."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from maskgen.errors import SourceFault
from maskgen.pipelines.sources.containers import jsonstream
from maskgen.pipelines.sources.containers.jsonstream import array_elements

_SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
_VALUES = st.recursive(
    _SCALARS, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=4), v, max_size=3)
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(st.text(max_size=6), _VALUES | st.lists(_VALUES, max_size=5), max_size=5),
    st.integers(1, 20),
    st.sampled_from([None, 0, 2]),
)
def test_equal_to_json(tmp_path: Path, value: dict[str, Any], chunk: int, indent: int | None) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(value, indent=indent, ensure_ascii=chunk % 2 == 0), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jsonstream, "_CHUNK_CHARACTERS", chunk)
        found = list(array_elements(path))
    assert found == [(key, one) for key, many in value.items() if isinstance(many, list) for one in many]


BROKEN = [
    "",
    "[]",
    "1",
    '{"a": [1, 2',
    '{"a": [1 2]}',
    '{"a": [1], }x',
    '{"a": 1} x',
    "{1: 2}",
    '{"a" 1}',
    '{"a": [}]}',
    '{"a": nan}',
    '{"a": "',
    "\x00",
    '{"a": ' + "[" * 100_000,
    '{"a": [' + '{"b":' * 100_000,
]


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_broken_text(tmp_path: Path, number: int) -> None:
    (tmp_path / "x.json").write_text(BROKEN[number])
    with pytest.raises(SourceFault, match=r"x\.json"):
        list(array_elements(tmp_path / "x.json"))


def test_no_text_and_no_file(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b'{"a": ["\xff"]}')
    for name in ("x.json", "absent.json"):
        with pytest.raises(SourceFault, match=name):
            list(array_elements(tmp_path / name))


def test_an_endless_element_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonstream, "_MAX_ELEMENT_CHARACTERS", 1 << 16)
    monkeypatch.setattr(jsonstream, "_CHUNK_CHARACTERS", 1 << 10)
    (tmp_path / "x.json").write_text('{"a": ["' + "x" * (1 << 20) + '"]}')
    with pytest.raises(SourceFault, match="an element of more than"):
        list(array_elements(tmp_path / "x.json"))


@pytest.mark.slow
def test_memory_is_that_of_an_element(tmp_path: Path) -> None:
    with (tmp_path / "x.json").open("w") as file:
        file.write('{"annotations": [')
        for n in range(100_000):
            file.write(f'{{"id": {n}, "segmentation": [[{", ".join(["1.25"] * 40)}]]}}, ')
        file.write('{"id": 100000}]}')
    tracemalloc.start()
    total = sum(element["id"] for _, element in array_elements(tmp_path / "x.json"))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 100_000 * 100_001 // 2
    assert peak < 8 << 20 < (tmp_path / "x.json").stat().st_size
