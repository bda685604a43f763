"""What is packed into an index is what is unpacked, in as few bytes as are said."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from maskgen.loaders.index.layout import Layout, Places, TooLargeError, key_hash
from maskgen.shards import naming

MEMBERS = naming.members(photo=True, background=True, classes=True)
FIXED = {"sat": 2178, "fg": 16384, "meta": 72}


def layout(*, checksums: bool = True, wide: bool = False, samples: int = 50) -> Layout:
    return Layout(samples, 2, 20, MEMBERS, FIXED, checksums=checksums, wide=wide)


def made(*, checksums: bool = True, largest: int = 2**24 - 1, blocks: int = 2**32 - 1) -> Places:
    draw = np.random.default_rng(3)
    lengths = draw.integers(0, largest, (50, len(MEMBERS)), np.uint32, endpoint=True)
    lengths[0], lengths[:, 5:] = largest, [FIXED[ext] for ext in MEMBERS[5:]]
    starts = draw.integers(0, blocks, 50, np.int64, endpoint=True)
    starts[0] = blocks
    sums = draw.integers(0, 2**32, (50, len(MEMBERS)), np.uint64).astype(np.uint32)
    return Places(draw.integers(0, 2**64, 50, np.uint64), starts * 512, lengths, sums if checksums else None)


@pytest.mark.parametrize(
    ("checksums", "wide", "largest", "blocks"),
    [
        (True, False, 2**24 - 1, 2**32 - 1),
        (False, False, 2**24 - 1, 2**32 - 1),
        (True, True, 2**32 - 1, 2**40),
    ],
)
def test_what_is_packed_comes_out(checksums: bool, wide: bool, largest: int, blocks: int) -> None:
    places, kept = (
        made(checksums=checksums, largest=largest, blocks=blocks),
        layout(checksums=checksums, wide=wide),
    )
    found = kept.unpack(*kept.pack(places))
    for name, known, again in zip(Places._fields, places, found, strict=True):
        assert np.array_equal(known, again) if known is not None else again is None, name


def test_what_loaders_read_needs_only_the_rows() -> None:
    places, kept = made(), layout()
    rows, _ = kept.pack(places)
    found = kept.unpack(rows, None)
    assert found.checksums is not None
    assert places.checksums is not None
    for column, ext in enumerate(MEMBERS):
        rare = ext in ("mask.png", "json", "cls")
        assert np.array_equal(found.checksums[:, column], places.checksums[:, column]) != rare
        assert kept.needs_rest([ext]) == rare


@pytest.mark.parametrize("limits", [{"largest": 2**24}, {"blocks": 2**32}])
def test_numbers_that_do_not_fit_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(TooLargeError):
        layout().pack(made(**limits))


def test_sections_follow_one_another_and_300_million_samples_fit() -> None:
    end = 0
    for start, count, kind in layout(samples=1000).sections.values():
        assert start % 4096 == 0
        assert 0 <= start - end < 4096
        end = start + count * kind.itemsize
    assert end == layout(samples=1000).bytes
    large = layout(samples=300_000_000)
    rows = large.sections["rows"]
    assert rows[1] * rows[2].itemsize < 16e9, "what a training maps"
    assert large.bytes < 20e9
    assert layout(samples=2**32 + 1).number == np.dtype("<u8")


def test_hash_is_of_the_key_alone() -> None:
    assert key_hash(b"a") == int.from_bytes(hashlib.blake2b(b"a", digest_size=8).digest(), "little")
