"""Random permutations as pure functions of a key: any part of one is computed where it is asked for."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_MASK64 = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15
_SORTED_UP_TO = 1 << 16
_ROUNDS = 8


def mix64(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """A bijective hash of uint64 values: the finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


def stream_key(*numbers: int) -> int:
    """One 64-bit key from several integers, such as (seed, epoch); of each the low 64 bits count."""
    key = np.array([_GOLDEN], np.uint64)
    for number in numbers:
        key = mix64(key + np.array([(number + _GOLDEN) & _MASK64], np.uint64))
    return int(key[0])


def permute(values: NDArray[np.int64], samples: int, key: int) -> NDArray[np.int64]:
    """The images of `values` under the permutation of 0..samples-1 that belongs to `key`.

    Up to 65,536 numbers are sorted by their hashes. Above that, an 8-round Feistel network on the next power
    of two is walked until it falls below `samples` (cycle walking: Black and Rogaway, CT-RSA 2002): nothing
    is stored, so the order of a billion samples costs no memory.

    Args:
        values: any shape, int64 in 0..samples-1.
        samples: length of the permutation.
        key: 64 bits, see `stream_key`.
    """
    if samples <= _SORTED_UP_TO:
        return _sorted_table(samples, key)[values]
    bits = (samples - 1).bit_length()
    keys = mix64(np.arange(_ROUNDS, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(key))
    result = _feistel(values.astype(np.uint64), bits, keys)
    outside = np.flatnonzero(result.ravel() >= samples)
    flat = result.reshape(-1)
    while outside.size:
        flat[outside] = _feistel(flat[outside], bits, keys)
        outside = outside[flat[outside] >= samples]
    return flat.reshape(values.shape).astype(np.int64)


@lru_cache(maxsize=8)
def _sorted_table(samples: int, key: int) -> NDArray[np.int64]:
    numbers = np.arange(samples, dtype=np.uint64) * np.uint64(_GOLDEN) + np.uint64(key)
    table = np.argsort(mix64(numbers), kind="stable").astype(np.int64)
    table.flags.writeable = False
    return table


def _feistel(values: NDArray[np.uint64], bits: int, keys: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One pass over 2**bits numbers; the halves differ by a bit when `bits` is odd."""
    here, other = bits - bits // 2, bits // 2  # widths of the left and the right half
    left, right = values >> np.uint64(other), values & np.uint64((1 << other) - 1)
    for key in keys:
        left, right = right, left ^ (mix64(right + key) & np.uint64((1 << here) - 1))
        here, other = other, here
    return (left << np.uint64(other)) | right
