"""The layout of the memory that a worker and a model process share."""

from __future__ import annotations

import mmap

import numpy as np
import pytest

from maskgen.pipelines.model.slots import CHUNK, HELLO, IN_FLIGHT, MESSAGE, memory_bytes, slots_of


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_slots_fill_the_memory_without_touching_each_other(dtype: type) -> None:
    side, kind = 8, np.dtype(dtype)
    size = memory_bytes(side, kind)
    slots = slots_of(mmap.mmap(-1, size), side, kind)
    assert [slot.number for slot in slots] == list(range(IN_FLIGHT))
    assert sum(slot.pixels.nbytes + slot.maps.nbytes for slot in slots) == size
    for number, slot in enumerate(slots):
        assert (slot.pixels.shape, slot.maps.shape) == ((CHUNK, side, side, 3), (CHUNK, side, side))
        assert (slot.pixels.dtype, slot.maps.dtype) == (kind, np.float32)
        slot.pixels[:], slot.maps[:] = number + 1, -number
    for number, slot in enumerate(slots):
        assert (slot.pixels == number + 1).all()
        assert (slot.maps == -number).all()


def test_two_views_of_one_memory_see_each_other() -> None:
    memory = mmap.mmap(-1, memory_bytes(8, np.dtype(np.uint8)))
    one, other = (slots_of(memory, 8, np.dtype(np.uint8)) for _ in range(2))
    one[2].pixels[3, 4, 5] = 77
    assert (other[2].pixels[3, 4, 5] == 77).all()


def test_messages_have_a_fixed_size_whatever_the_machine() -> None:
    assert (HELLO.size, MESSAGE.size) == (9, 8)
    assert MESSAGE.pack(2, 16) == b"\x02\0\0\0\x10\0\0\0"
