"""CRC-32C against the check values of RFC 3720 and the `crc32c` package."""

from __future__ import annotations

import crc32c as peer
import numpy as np
import pytest

from maskgen.pipelines.sources.containers.crc32c import crc32c, masked_crc32c


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


@pytest.mark.parametrize("seed", [0, 1])
def test_every_length_equals_the_peer(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for length in [*range(600), 4095, 4096, 4097, 65_537, 300_001]:
        data = rng.bytes(length)
        assert crc32c(data) == peer.crc32c(data), length


def test_every_single_bit_counts() -> None:
    data = bytearray(np.random.default_rng(2).bytes(400))
    whole = {crc32c(bytes(data))}
    for bit in range(len(data) * 8):
        data[bit // 8] ^= 1 << bit % 8
        whole.add(crc32c(bytes(data)))
        data[bit // 8] ^= 1 << bit % 8
    assert len(whole) == len(data) * 8 + 1


def test_mask_by_hand() -> None:
    # 0xE3069283 rotated right by 15 bits is 0x2507C60D; plus 0xA282EAD8.
    assert masked_crc32c(b"123456789") == 0xC78AB0E5
