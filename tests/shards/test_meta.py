"""KEY.meta: its bytes are a contract with readers that do not have this package."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from maskgen.shards.meta import META, pack_meta, unpack_meta
from maskgen.types import Box

NOWHERE = Box(0, 0, 0, 0)


def packed() -> bytes:
    return pack_meta((375, 500), Box(1, 2, 3, 4), Box(5, 6, 7, 8), 17, 0.25, Box(9, 10, 11, 12))


def test_the_bytes_are_seventeen_little_endian_integers_in_this_order() -> None:
    assert struct.unpack("<17i", packed()) == (3, 375, 500, *range(1, 9), 17, 250_000, *range(9, 13))


def test_the_fields_come_back_by_name() -> None:
    fields = unpack_meta(packed())
    assert {name: fields[name].tolist() for name in META.names or ()} == {
        "version": 3,
        "size": [375, 500],
        "fg_box": [1, 2, 3, 4],
        "free_box": [5, 6, 7, 8],
        "label": 17,
        "fg_area_ppm": 250_000,
        "bg_box": [9, 10, 11, 12],
    }


def test_members_behind_one_another_are_one_array() -> None:
    meta = np.frombuffer(packed() + struct.pack("<17i", *range(17)), META)
    assert meta["size"].tolist() == [[375, 500], [1, 2]]
    assert meta["bg_box"].tolist() == [[9, 10, 11, 12], [13, 14, 15, 16]]


@pytest.mark.parametrize("label", [None, (3, 4), ()])
def test_only_a_single_label_is_stored(label: tuple[int, ...] | None) -> None:
    assert unpack_meta(pack_meta((1, 1), NOWHERE, Box(0, 0, 1, 1), label, 0, NOWHERE))["label"] == -1


@pytest.mark.parametrize("length", [0, 64, 69, 136])
def test_another_length_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"has {length} bytes, not 68"):
        unpack_meta(bytes(length))
