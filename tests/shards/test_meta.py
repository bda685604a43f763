"""KEY.meta: its bytes are a contract with readers that do not have this package."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from maskgen.shards.meta import META, UNKNOWN, meta_bytes, pack_meta, unpack_meta
from maskgen.types import Box

NOWHERE = Box(0, 0, 0, 0)


def packed() -> bytes:
    return pack_meta((375, 500), Box(1, 2, 3, 4), Box(5, 6, 7, 8), 17, 0.25, Box(9, 10, 11, 12), 0.625)


def test_the_bytes_are_eighteen_little_endian_integers_in_this_order() -> None:
    assert struct.unpack("<18i", packed()) == (
        *(4, 375, 500),
        *range(1, 9),
        *(17, 250_000),
        *range(9, 13),
        625_000,
    )


def test_the_fields_come_back_by_name() -> None:
    fields = unpack_meta(packed())
    assert {name: fields[name].tolist() for name in META.names or ()} == {
        "version": 4,
        "size": [375, 500],
        "fg_box": [1, 2, 3, 4],
        "free_box": [5, 6, 7, 8],
        "label": 17,
        "fg_area_ppm": 250_000,
        "bg_box": [9, 10, 11, 12],
        "confidence_ppm": 625_000,
    }


def test_members_behind_one_another_are_one_array() -> None:
    meta = np.frombuffer(packed() + struct.pack("<18i", *range(18)), META)
    assert meta["size"].tolist() == [[375, 500], [1, 2]]
    assert meta["bg_box"].tolist() == [[9, 10, 11, 12], [13, 14, 15, 16]]


@pytest.mark.parametrize("label", [None, (3, 4), ()])
def test_only_a_single_label_is_stored(label: tuple[int, ...] | None) -> None:
    assert unpack_meta(pack_meta((1, 1), NOWHERE, Box(0, 0, 1, 1), label, 0, NOWHERE, 0))["label"] == -1


@pytest.mark.parametrize("version", [2, 3])
def test_the_seventeen_integers_of_older_formats_say_nothing_of_confidence(version: int) -> None:
    old = struct.pack("<17i", version, *struct.unpack("<18i", packed())[1:17])
    fields, now = unpack_meta(old), unpack_meta(packed())
    assert fields["confidence_ppm"] == UNKNOWN == -1
    assert fields["version"] == version
    others = set(META.names or ()) - {"version", "confidence_ppm"}
    assert all(fields[name].tolist() == now[name].tolist() for name in others)


@pytest.mark.parametrize(("version", "length"), [(3, 0), (3, 64), (3, 72), (4, 68), (4, 73), (4, 144)])
def test_another_length_than_that_of_its_version_is_refused(version: int, length: int) -> None:
    data = version.to_bytes(4, "little").ljust(length, b"\0")[:length]
    expected = meta_bytes(version if length else 0)
    with pytest.raises(ValueError, match=f"has {length} bytes, not {expected}"):
        unpack_meta(data)
