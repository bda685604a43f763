"""Whoever breaks the rules is turned away, and the others go on."""

from __future__ import annotations

import contextlib
import mmap
import struct

import numpy as np
import pytest
from numpy.typing import NDArray
from serving import SIDE, assert_serves, connect, mean_map

from maskgen.errors import EnvironmentFault
from maskgen.methods.network import NetworkInput
from maskgen.pipelines.model.server import METERS, Batches
from maskgen.pipelines.model.slots import CHUNK, IN_FLIGHT, memory_bytes, slots_of

PIXELS = np.dtype(np.uint8)


@pytest.mark.parametrize(
    ("batch", "counts", "calls"),
    [(1, [3], 3), (5, [16], 4), (5, [4], 1), (16, [2], 1), (20, [16], 1), (32, [16, 7], 1)],
)
def test_a_call_has_exactly_as_many_photos_as_were_asked_for(
    batch: int, counts: list[int], calls: int
) -> None:
    seen = []

    def infer(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        seen.append(len(pixels))
        return mean_map(pixels)

    batches = Batches(infer, NetworkInput(side=SIDE), batch, [0.0] * METERS)
    chunks = []
    for number, count in enumerate(counts):
        slot = slots_of(mmap.mmap(-1, memory_bytes(SIDE, PIXELS)), SIDE, PIXELS)[0]
        slot.pixels[:] = (np.arange(CHUNK) + CHUNK * number)[:, None, None, None]
        chunks.append((slot, count))
    assert batches.chunks >= len(chunks)
    batches.run(chunks)
    assert seen == [batch] * calls
    for number, (slot, count) in enumerate(chunks):
        wanted = (np.arange(count) + CHUNK * number) / 255
        np.testing.assert_allclose(slot.maps[:count, 0, 0], wanted, atol=1e-6)


@pytest.mark.parametrize("side", [SIDE + 1, SIDE - 1])
def test_a_client_of_another_geometry_is_turned_away_and_the_others_go_on(address: str, side: int) -> None:
    with (
        pytest.raises(EnvironmentFault, match="network has ended"),
        contextlib.closing(connect(address, side)) as stranger,
    ):
        stranger.submit(stranger.free_slot(), 1).wait()
    assert_serves(address)


@pytest.mark.parametrize(
    "message", [b"", b"x" * 3, struct.pack("<II", IN_FLIGHT, 1), struct.pack("<II", 0, CHUNK + 1)]
)
def test_a_client_that_breaks_the_rules_is_dropped(address: str, message: bytes) -> None:
    with contextlib.closing(connect(address)) as client:
        client._socket.send(message)
        assert client._socket.recv(16) == b""
    assert_serves(address)
