"""One process per device that runs the network, fed by the shard workers through shared memory.

A worker connects to the process's socket and hands over one file descriptor of anonymous shared memory: a few slots,
each with room for a chunk of prepared photos and their maps. Only small messages cross the socket. Nothing of it has
a name in the file system, so nothing is left behind by a kill.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import selectors
import signal
import socket
import struct
import time
import traceback
from collections import deque
from collections.abc import MutableSequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, MaskgenError

if TYPE_CHECKING:
    from maskgen.methods import MethodOptions
    from maskgen.methods.networks.network import Infer, NetworkInput

CHUNK = 16  # photos per message
IN_FLIGHT = 3  # chunks of one worker that may be with the model process
_HELLO = struct.Struct("<IIc")  # side, CHUNK, dtype of the pixels
_MESSAGE = struct.Struct("<II")  # slot, photos in it; 0 photos in a reply: the network failed
_BUSY_S, _PHOTOS, _SINCE = 0, 1, 2
METERS = 3
_PEER = struct.Struct("3i")  # pid, uid, gid


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


# --- the worker's side


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
            socket.send_fds(self._socket, [_HELLO.pack(side, CHUNK, dtype.char.encode())], [memory])
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
        """Send the first `photos` of a slot to the network."""
        try:
            self._socket.send(_MESSAGE.pack(slot.number, photos))
        except OSError as error:
            raise _gone(error) from error
        return Reply(self, slot)

    def receive(self, slot: Slot) -> NDArray[np.float32]:
        """The maps of the oldest chunk under way, copied out of its slot."""
        try:
            data = self._socket.recv(_MESSAGE.size)
        except OSError as error:
            raise _gone(error) from error
        if len(data) != _MESSAGE.size:
            raise _gone(None)
        number, photos = _MESSAGE.unpack(data)
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


# --- the model process


@dataclass
class _Worker:
    """A connected worker: its socket and its slots (None before its hello)."""

    socket: socket.socket
    slots: list[Slot] | None = None


def serve_network(
    listener: socket.socket,
    method: str,
    options: MethodOptions,
    batch_size: int,
    meters: MutableSequence[float],
    faults: Any,
    parent: int,
) -> None:
    """Run the network for all workers that connect. The entry point of a model process.

    Args:
        listener: bound and listening.
        method: a learned method of METHODS.
        options: resolved, with this process's device.
        batch_size: photos per call; the last ones of a call are zeros where too few wait, so the shape is fixed.
        meters: METERS doubles: seconds inside the network, photos, and when the running call began (0: none runs).
        faults: a connection that takes the MaskgenError that ends this process.
        parent: the process whose death ends this one.
    """
    from maskgen.processes.lifetime import die_with

    die_with(parent)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(name, signal.SIG_IGN)
    try:
        from maskgen.methods import load_network, network_input

        net_input = network_input(method, options)
        infer = load_network(method, options)
        _serve(listener, _Batches(infer, net_input, batch_size, meters))
    except MaskgenError as error:
        faults.send(error)
    except Exception as error:  # noqa: BLE001 - reported by the parent, which ends the run
        text = "".join(traceback.format_exception(error)[-6:])
        short = "CUDA out of memory" in str(error)
        faults.send(
            EnvironmentFault(
                f"the network failed on {options.device} ({type(error).__name__})",
                cause=text,
                remedy="give a smaller --batch-size" if short else "maskgen doctor",
            )
        )


class _Batches:
    """Fixed-size batches over the chunks of several workers."""

    def __init__(
        self, infer: Infer, net_input: NetworkInput, batch_size: int, meters: MutableSequence[float]
    ) -> None:
        self.side, self.dtype = net_input.side, net_input.dtype
        self._infer = infer
        self._size = max(batch_size, CHUNK)
        self._pixels = np.zeros((self._size, self.side, self.side, 3), self.dtype)
        self._meters = meters

    @property
    def chunks(self) -> int:
        """Chunks that fit into one batch."""
        return self._size // CHUNK

    def run(self, chunks: list[tuple[Slot, int]]) -> None:
        """Fill the maps of some chunks, at most `self.chunks`."""
        count = 0
        for slot, photos in chunks:
            self._pixels[count : count + photos] = slot.pixels[:photos]
            count += photos
        self._pixels[count:] = 0
        started = self._meters[_SINCE] = time.monotonic()
        maps = self._infer(self._pixels)
        self._meters[_SINCE] = 0.0
        self._meters[_BUSY_S] += time.monotonic() - started
        self._meters[_PHOTOS] += count
        start = 0
        for slot, photos in chunks:
            part = maps[start : start + photos]
            slot.maps[:photos] = part if part.dtype == np.float32 else part * np.float32(1 / 255)
            start += photos


def _serve(listener: socket.socket, batches: _Batches) -> None:
    """Accept workers, gather their chunks, answer in the order of arrival."""
    waiting: deque[tuple[_Worker, Slot, int]] = deque()
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(timeout=0 if waiting else None):
                if key.fileobj is listener:
                    _accept(listener, selector)
                elif not _read(key.data, batches, waiting):
                    selector.unregister(key.data.socket)
                    key.data.socket.close()
            chosen = [waiting.popleft() for _ in range(min(batches.chunks, len(waiting)))]
            if chosen:
                batches.run([(slot, photos) for _, slot, photos in chosen])
            for worker, slot, photos in chosen:
                with contextlib.suppress(OSError):  # a worker that died: its supervisor knows
                    worker.socket.send(_MESSAGE.pack(slot.number, photos))


def _accept(listener: socket.socket, selector: selectors.BaseSelector) -> None:
    """Take in a worker of the same user; nobody else."""
    connection = listener.accept()[0]
    peer = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
    if _PEER.unpack(peer)[1] == os.getuid():
        selector.register(connection, selectors.EVENT_READ, _Worker(connection))
    else:
        connection.close()


def busy_since(meters: MutableSequence[float]) -> float:
    """When the running call of the network began, `time.monotonic`; 0 when none runs."""
    return meters[_SINCE]


def busy_seconds(meters: MutableSequence[float]) -> float:
    """Seconds that the network has run."""
    return meters[_BUSY_S]


def _read(worker: _Worker, batches: _Batches, waiting: deque[tuple[_Worker, Slot, int]]) -> bool:
    """Take one message of a worker; False when it has gone or breaks the rules."""
    try:
        if worker.slots is None:
            data, descriptors, _, _ = socket.recv_fds(worker.socket, _HELLO.size, 1)
            worker.slots = _greet(data, descriptors, batches)
            return worker.slots is not None
        data = worker.socket.recv(_MESSAGE.size)
    except OSError:
        return False
    if len(data) != _MESSAGE.size:
        return False
    number, photos = _MESSAGE.unpack(data)
    if number >= IN_FLIGHT or not 0 < photos <= CHUNK:
        return False
    waiting.append((worker, worker.slots[number], photos))
    return True


def _greet(data: bytes, descriptors: list[int], batches: _Batches) -> list[Slot] | None:
    """The slots of a worker that says hello with the right geometry and enough memory."""
    try:
        size = memory_bytes(batches.side, batches.dtype)
        wanted = _HELLO.pack(batches.side, CHUNK, batches.dtype.char.encode())
        if data != wanted or len(descriptors) != 1 or os.fstat(descriptors[0]).st_size != size:
            return None
        return slots_of(mmap.mmap(descriptors[0], size), batches.side, batches.dtype)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
