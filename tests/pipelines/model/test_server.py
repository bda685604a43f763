"""Whoever breaks the rules is turned away, and the others go on."""

from __future__ import annotations

import contextlib
import struct

import pytest
from serving import SIDE, assert_serves, connect

from maskgen.errors import EnvironmentFault
from maskgen.pipelines.model.slots import CHUNK, IN_FLIGHT


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
