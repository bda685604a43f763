"""A serving loop in a thread, and a network that shows which photo it saw."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.methods.network import NetworkInput
from maskgen.pipelines.model.client import RemoteNetwork
from maskgen.pipelines.model.server import METERS, Batches, serve_workers

SIDE = 8


def mean_map(batch: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A network whose map shows which photo it saw: the mean over the channels, over 255."""
    return (batch.astype(np.float32).mean(axis=-1) / 255).astype(np.float32)


@pytest.fixture
def address() -> str:
    """A serving loop in a thread, 32 photos per call."""
    name = f"\0maskgen-test-{os.getpid()}-{time.monotonic_ns()}"
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(name)
    listener.listen()
    batches = Batches(mean_map, NetworkInput(side=SIDE), 32, [0.0] * METERS)
    threading.Thread(target=serve_workers, args=(listener, batches), daemon=True).start()
    return name


def connect(address: str, side: int = SIDE) -> RemoteNetwork:
    return RemoteNetwork(address, NetworkInput(side=side))


def assert_serves(address: str) -> None:
    with contextlib.closing(connect(address)) as friend:
        slot = friend.free_slot()
        slot.pixels[:] = 51
        assert friend.submit(slot, 2).wait()[1] == pytest.approx(0.2)
