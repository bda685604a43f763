"""CRC-32C against the check values of RFC 3720, appendix B.4, and the `crc32c` package."""

from __future__ import annotations

import crc32c as peer
import numpy as np
import pytest

from maskgen.io.checksum import crc32c


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_published_check_values(data: bytes, expected: int) -> None:
    assert crc32c(data) == expected


def test_bytes_and_arrays_equal_the_peer_at_many_lengths() -> None:
    rng = np.random.default_rng(0)
    for length in [*range(300), 4095, 4096, 4097, 65_537, 300_001]:
        data = rng.bytes(length)
        expected = peer.crc32c(data)
        assert crc32c(data) == expected, length
        assert crc32c(np.frombuffer(data, np.uint8)) == expected, length
        assert crc32c(np.frombuffer(b"xyz" + data, np.uint8)[3:].copy()) == expected, length


def test_every_single_bit_counts() -> None:
    data = bytearray(np.random.default_rng(2).bytes(400))
    whole = {crc32c(bytes(data))}
    for bit in range(len(data) * 8):
        data[bit // 8] ^= 1 << bit % 8
        whole.add(crc32c(bytes(data)))
        data[bit // 8] ^= 1 << bit % 8
    assert len(whole) == len(data) * 8 + 1
