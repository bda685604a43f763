from __future__ import annotations

import pytest

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
