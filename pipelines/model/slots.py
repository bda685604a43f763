"""What workers and model processes share: the memory of a few chunks of photos, and the messages about them.

Only small messages cross the socket between the two; photos and maps lie in anonymous shared memory, whose
descriptor the worker hands over. Nothing of it has a name in the file system, so nothing is left behind by a
kill.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CHUNK = 16  # photos per message
IN_FLIGHT = 3  # chunks of one worker that may be with the model process
HELLO = struct.Struct("<IIc")  # side, CHUNK, dtype of the pixels
MESSAGE = struct.Struct("<II")  # slot, photos in it; 0 photos in a reply: the network failed


@dataclass(frozen=True, slots=True)
class Slot:
    """Room for one chunk: (CHUNK, S, S, 3) prepared pixels, (CHUNK, S, S) float32 maps in [0, 1]."""

    number: int
    pixels: NDArray[Any]
    maps: NDArray[np.float32]


def slots_of(memory: mmap.mmap, side: int, dtype: np.dtype[Any]) -> list[Slot]:
    """The slots of a worker's shared memory."""
    shape = (CHUNK, side, side)
    pixel_bytes, map_bytes = CHUNK * side * side * 3 * dtype.itemsize, CHUNK * side * side * 4
    slots = []
    for number in range(IN_FLIGHT):
        start = number * (pixel_bytes + map_bytes)
        pixels = np.frombuffer(memory, dtype, CHUNK * side * side * 3, start).reshape(*shape, 3)
        maps = np.frombuffer(memory, np.float32, CHUNK * side * side, start + pixel_bytes).reshape(shape)
        slots.append(Slot(number, pixels, maps))
    return slots


def memory_bytes(side: int, dtype: np.dtype[Any]) -> int:
    """Bytes of shared memory per worker."""
    return IN_FLIGHT * CHUNK * side * side * (3 * dtype.itemsize + 4)
