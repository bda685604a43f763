"""A shard worker's side of a model process: photos go out, maps come back."""

from __future__ import annotations

import mmap
import os
import socket
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault

from .slots import CHUNK, HELLO, MESSAGE, Slot, memory_bytes, slots_of

if TYPE_CHECKING:
    from maskgen.methods.network import NetworkInput


class RemoteNetwork:
    """A worker's connection to a model process.

    Args:
        address: of its socket.
        network_input: how photos are prepared.

    Raises:
        EnvironmentFault: the model process is gone.
    """

    def __init__(self, address: str, network_input: NetworkInput) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        side, dtype = network_input.side, network_input.dtype
        memory = os.memfd_create("maskgen")
        try:
            os.ftruncate(memory, memory_bytes(side, dtype))
            self._socket.connect(address)
            socket.send_fds(self._socket, [HELLO.pack(side, CHUNK, dtype.char.encode())], [memory])
            self._slots = slots_of(mmap.mmap(memory, 0), side, dtype)
        except OSError as error:
            self.close()
            raise _gone(error) from error
        finally:
            os.close(memory)
        self._free = deque(self._slots)

    def close(self) -> None:
        """Leave the model process."""
        self._socket.close()

    def free_slot(self) -> Slot:
        """A slot that no chunk uses; there is one as long as at most IN_FLIGHT chunks are under way."""
        return self._free.popleft()

    def submit(self, slot: Slot, photos: int) -> Reply:
        """Send the first `photos` of a slot to the network.

        Raises:
            EnvironmentFault: the network's process is gone.
        """
        try:
            self._socket.send(MESSAGE.pack(slot.number, photos))
        except OSError as error:
            raise _gone(error) from error
        return Reply(self, slot)

    def receive(self, slot: Slot) -> NDArray[np.float32]:
        """The (n, S, S) maps of the oldest chunk under way, copied out of its slot.

        Raises:
            EnvironmentFault: the network's process is gone, or speaks of another chunk.
        """
        try:
            data = self._socket.recv(MESSAGE.size)
        except OSError as error:
            raise _gone(error) from error
        if len(data) != MESSAGE.size:
            raise _gone(None)
        number, photos = MESSAGE.unpack(data)
        if number != slot.number or not photos:
            raise _gone(None)
        maps = slot.maps.copy()
        self._free.append(slot)
        return maps


@dataclass(frozen=True, slots=True)
class Reply:
    """A chunk that is with the model process."""

    remote: RemoteNetwork
    slot: Slot

    def wait(self) -> NDArray[np.float32]:
        """(CHUNK, S, S) float32 maps in [0, 1]; NaN where the network's map was not finite.

        Raises:
            EnvironmentFault: the model process is gone.
        """
        return self.remote.receive(self.slot)


def _gone(error: Exception | None) -> EnvironmentFault:
    return EnvironmentFault(
        "the process that runs the network has ended",
        cause=str(error) if error else "it failed, or was killed for want of memory",
        remedy="run again; with a smaller --batch-size when memory is short",
    )
