"""Where the rows of a batch lie, against tarfile, and which small members could never have been written."""

from __future__ import annotations

import hashlib
import tarfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.reading.bounds import Bounds
from maskgen.loaders.reading.buffers import Buffers, locate_row, plausible
from maskgen.loaders.reading.samples import SampleReader

BOUNDS = Bounds(version=4, max_pixels=1_000_000, max_side=1000, store="full", background_side=0)


def places(drawn: Any) -> dict[str, tuple[int, int]]:
    """Where every member's content begins in its tar, and its length."""
    found = {}
    for path in drawn.shards():
        with tarfile.open(path) as archive:
            found |= {member.name: (member.offset_data, member.size) for member in archive}
    return found


def test_rows_are_located_where_tarfile_finds_them(drawn: Any) -> None:
    dataset, known = open_dataset(drawn.path), places(drawn)
    samples = np.array([20, 0, 7, 7, 13])
    batch = Buffers(samples, (), dataset.manifest.format)
    located = batch.locate(dataset, np.array([4, 0, 2]))
    assert [(row.number, row.sample) for row in located] == [(4, 13), (0, 20), (2, 7)]
    for row in (*located, locate_row(dataset, 5)):
        key = drawn.drawings[row.sample].key
        assert row.hash == int.from_bytes(hashlib.blake2b(key.encode(), digest_size=8).digest(), "little")
        expected = [known[f"{key}.{ext}"] for ext in dataset.members]
        assert list(zip(row.offsets, row.lengths, strict=True)) == expected
    for outside in (-1, dataset.samples):
        with pytest.raises(IndexError):
            locate_row(dataset, outside)


def spoil_corner(batch: Buffers) -> None:
    batch.sat[1, -1, -1] = 3


def spoil_frame(batch: Buffers) -> None:
    batch.sat[1, 0, 5] = 1


def spoil_order(batch: Buffers) -> None:
    batch.sat[1, 20, 20] = 0


def spoil_version(batch: Buffers) -> None:
    batch.meta["version"][1] = 1


def spoil_box(batch: Buffers) -> None:
    batch.meta["fg_box"][1, 2] = batch.meta["size"][1, 0] + 1


def spoil_size(batch: Buffers) -> None:
    batch.meta["size"][1, 1] = 0


def spoil_confidence(batch: Buffers) -> None:
    batch.meta["confidence_ppm"][1] = -1


def whole(drawn: Any) -> Buffers:
    small = SampleReader(open_dataset(drawn.path)).small(np.arange(3))
    batch = Buffers(np.arange(3), (), BOUNDS.version)
    batch.sat[:], batch.fg[:], batch.meta[:] = small
    return batch


def test_what_was_written_is_plausible_and_so_is_a_table_rounded_down_by_one(drawn: Any) -> None:
    batch = whole(drawn)
    assert plausible(batch, np.arange(3), BOUNDS).all()
    line = (
        np.flatnonzero(batch.sat[1, 16, 1:-1])[0] + 2
    )  # behind the first crossing with foreground before it
    batch.sat[1, 16, line:] = batch.sat[1, 16, line - 1]
    batch.sat[1, 17:, line:] = np.maximum(batch.sat[1, 17:, line:], batch.sat[1, 16, line])
    batch.sat[1, :16, line:] = np.minimum(batch.sat[1, :16, line:], batch.sat[1, 16, line])
    assert plausible(batch, np.array([1]), BOUNDS).all()
    batch.sat[1, 16, line] -= 1
    assert plausible(batch, np.array([1]), BOUNDS).all()
    batch.sat[1, 16, line] -= 1
    assert not plausible(batch, np.array([1]), BOUNDS).any()


@pytest.mark.parametrize(
    "spoil",
    [spoil_corner, spoil_frame, spoil_order, spoil_version, spoil_box, spoil_size, spoil_confidence],
)
def test_impossible_values_are_seen_in_their_row_only(drawn: Any, spoil: Callable[[Buffers], None]) -> None:
    batch = whole(drawn)
    spoil(batch)
    assert plausible(batch, np.arange(3), BOUNDS).tolist() == [True, False, True]
    assert plausible(batch, np.array([2, 0]), BOUNDS).tolist() == [True, True]


def test_slots_do_not_overlap_and_hold_header_and_content(drawn: Any) -> None:
    dataset = open_dataset(drawn.path)
    batch = Buffers(np.arange(8), ("jpg",), dataset.manifest.format)
    rows = batch.locate(dataset, np.arange(8))
    column = dataset.members.index("jpg")
    slots = batch.slots(rows, column)
    blocks = [1 + -(-row.lengths[column] // 512) for row in rows]
    assert [len(slots[row.number]) for row in rows] == [512 * count for count in blocks]
    for number, slot in slots.items():
        slot[:] = number
    assert all((slot == number).all() for number, slot in slots.items())
