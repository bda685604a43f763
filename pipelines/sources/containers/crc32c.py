"""CRC-32C (Castagnoli) in numpy, fast enough to check every record of a TFRecord file as it is listed.

The checksum is linear over GF(2): the state after a message is the XOR of what each 16-bit word adds at its
distance from the end. So blocks of 16 bytes are looked up in eight tables at once for the whole message, and
the blocks' results are joined pair by pair with the operator "followed by n zero bytes". About 1 GB/s on one
core; pinned by the check value of RFC 3720, appendix B.4, and by the `crc32c` package in the tests.
"""

from __future__ import annotations

from functools import cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0x82F63B78
_BLOCK_BYTES = 16
_SHORT_BYTES = 256
_FEW_BLOCKS = 48
_MASK_DELTA = 0xA282EAD8

_Words: TypeAlias = NDArray[np.uint32]


def crc32c(data: bytes) -> int:
    """CRC-32C of `data`, in [0, 2**32)."""
    if len(data) < _SHORT_BYTES:
        return _bytewise(data, 0xFFFFFFFF) ^ 0xFFFFFFFF
    odd = len(data) % _BLOCK_BYTES
    state = _bytewise(data[:odd], 0xFFFFFFFF)
    words = np.frombuffer(data, np.dtype("<u2"), offset=odd).reshape(-1, _BLOCK_BYTES // 2)
    blocks = np.zeros(len(words), np.uint32)
    for column, table in enumerate(_word_tables()):
        blocks ^= table.take(words[:, column])
    # The state so far acts as if it were XORed into the first four bytes.
    blocks[0] ^= _followed_by_zeros(np.array([state], np.uint32), 0)[0]
    return _join(blocks) ^ 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """The rotated and offset CRC-32C that TFRecord stores (tensorflow/core/lib/hash/crc32c.h)."""
    crc = crc32c(data)
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & 0xFFFFFFFF


def _join(blocks: _Words) -> int:
    """The state after all blocks, from each block's own state that began at zero."""
    level = 0
    while len(blocks) > _FEW_BLOCKS:
        if len(blocks) % 2:
            blocks = np.concatenate([np.zeros(1, np.uint32), blocks])
        blocks = _followed_by_zeros(blocks[0::2], level) ^ blocks[1::2]
        level += 1
    t0, t1, t2, t3 = _zero_lists(level)
    state = 0
    for block in blocks.tolist():
        state = t0[state & 255] ^ t1[state >> 8 & 255] ^ t2[state >> 16 & 255] ^ t3[state >> 24] ^ block
    return state


def _bytewise(data: bytes, state: int) -> int:
    table = _byte_list()
    for byte in data:
        state = table[(state ^ byte) & 255] ^ (state >> 8)
    return state


def _followed_by_zeros(states: _Words, level: int) -> _Words:
    """The states after 16 * 2**level more zero bytes."""
    return _apply(_zero_tables(level), states)


def _apply(tables: tuple[_Words, ...], states: _Words) -> _Words:
    parts = np.ascontiguousarray(states, "<u4").view(np.uint8).reshape(-1, 4)
    joined: _Words = tables[0].take(parts[:, 0])
    for place in (1, 2, 3):
        joined = joined ^ tables[place].take(parts[:, place])
    return joined


@cache
def _byte_tables() -> tuple[_Words, ...]:
    """Entry [k][b]: the state that byte b leaves when k zero bytes follow it."""
    first = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        first = np.where(first & 1, (first >> 1) ^ np.uint32(_POLYNOMIAL), first >> 1).astype(np.uint32)
    tables = [first]
    for _ in range(_BLOCK_BYTES - 1):
        tables.append(first[tables[-1] & 255] ^ (tables[-1] >> 8))  # pyright: ignore[reportArgumentType]
    return tuple(tables)


@cache
def _byte_list() -> list[int]:
    return [int(value) for value in _byte_tables()[0]]


@cache
def _word_tables() -> tuple[_Words, ...]:
    """One table of 65536 entries per 16-bit little-endian word of a block, first word first."""
    tables, word = _byte_tables(), np.arange(65536)
    last = _BLOCK_BYTES - 1
    return tuple(
        tables[last - 2 * place][word & 255] ^ tables[last - 1 - 2 * place][word >> 8]
        for place in range(_BLOCK_BYTES // 2)
    )


@cache
def _zero_tables(level: int) -> tuple[_Words, ...]:
    """Four byte tables of the operator "followed by 16 * 2**level zero bytes"."""
    if level == 0:
        tables = _byte_tables()
        return tuple(tables[_BLOCK_BYTES - 1 - place] for place in range(4))
    half = _zero_tables(level - 1)
    return tuple(_apply(half, table) for table in half)


@cache
def _zero_lists(level: int) -> tuple[list[int], ...]:
    return tuple([int(value) for value in table] for table in _zero_tables(level))
