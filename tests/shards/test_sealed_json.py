from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskgen.config.fingerprint import digest
from maskgen.errors import ShardFault
from maskgen.shards import sealed_json

VALUE = {"name": "x", "number": 1.5, "list": [1, {"a": None}], "text": "é"}


def test_round_trip() -> None:
    assert sealed_json.parse(sealed_json.render(VALUE), "x.json") == VALUE


def test_every_flipped_bit_and_every_truncation_is_found() -> None:
    data = sealed_json.render(VALUE)
    for position in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[position] ^= 1 << bit
            with pytest.raises(ShardFault):
                sealed_json.parse(bytes(damaged), "x.json")
        with pytest.raises(ShardFault):
            sealed_json.parse(data[:position], "x.json")


@pytest.mark.parametrize("data", [b"", b"[]", b"null", b"{}", b"[" * 100_000, b"\xff"])
def test_other_json_is_refused(data: bytes) -> None:
    with pytest.raises(ShardFault):
        sealed_json.parse(data, "x.json")


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=25, deadline=None)
@given(st.dictionaries(st.text(), VALUES, max_size=4))
def test_the_bytes_are_those_of_the_librarys_indented_text(value: dict[str, Any]) -> None:
    sealed = {**value, "seal": digest(value)}
    assert sealed_json.render(value) == (json.dumps(sealed, sort_keys=True, indent=1) + "\n").encode()
