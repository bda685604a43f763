"""The model process: one per device, runs the network for all shard workers that connect to its socket."""

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

from maskgen.errors import EnvironmentFault, MaskgenError
from maskgen.processes.lifetime import die_with

from .slots import CHUNK, HELLO, IN_FLIGHT, MESSAGE, Slot, memory_bytes, slots_of

if TYPE_CHECKING:
    from maskgen.methods import MethodOptions
    from maskgen.methods.network import Infer, NetworkInput

_BUSY_S, _PHOTOS, _SINCE = 0, 1, 2
METERS = 3
_PEER = struct.Struct("3i")  # pid, uid, gid


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
        batch_size: photos per call; the last ones of a call are zeros where too few wait, so the shape is
            fixed.
        meters: METERS doubles: seconds inside the network, photos, and when the running call began (0: none
            runs).
        faults: a connection that takes the MaskgenError that ends this process.
        parent: the process whose death ends this one.
    """
    die_with(parent)
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(name, signal.SIG_IGN)
    try:
        from maskgen.methods import load_network, network_input

        net_input = network_input(method, options)
        infer = load_network(method, options)
        serve_workers(listener, Batches(infer, net_input, batch_size, meters))
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


class Batches:
    """Fixed-size batches over the chunks of several workers."""

    def __init__(
        self, infer: Infer, net_input: NetworkInput, batch_size: int, meters: MutableSequence[float]
    ) -> None:
        self.side, self.dtype = net_input.side, net_input.dtype
        self._infer = infer
        self._call = batch_size
        self._size = max(batch_size, -(-CHUNK // batch_size) * batch_size)  # of at least one chunk
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
        calls = range(0, count, self._call)  # of less than a chunk where memory is short
        maps = np.concatenate([self._infer(self._pixels[at : at + self._call]) for at in calls])
        self._meters[_SINCE] = 0.0
        self._meters[_BUSY_S] += time.monotonic() - started
        self._meters[_PHOTOS] += count
        start = 0
        for slot, photos in chunks:
            part = maps[start : start + photos]
            slot.maps[:photos] = part if part.dtype == np.float32 else part * np.float32(1 / 255)
            start += photos


def serve_workers(listener: socket.socket, batches: Batches) -> None:
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
                    worker.socket.send(MESSAGE.pack(slot.number, photos))


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


def _read(worker: _Worker, batches: Batches, waiting: deque[tuple[_Worker, Slot, int]]) -> bool:
    """Take one message of a worker; False when it has gone or breaks the rules."""
    try:
        if worker.slots is None:
            data, descriptors, _, _ = socket.recv_fds(worker.socket, HELLO.size, 1)
            worker.slots = _greet(data, descriptors, batches)
            return worker.slots is not None
        data = worker.socket.recv(MESSAGE.size)
    except OSError:
        return False
    if len(data) != MESSAGE.size:
        return False
    number, photos = MESSAGE.unpack(data)
    if number >= IN_FLIGHT or not 0 < photos <= CHUNK:
        return False
    waiting.append((worker, worker.slots[number], photos))
    return True


def _greet(data: bytes, descriptors: list[int], batches: Batches) -> list[Slot] | None:
    """The slots of a worker that says hello with the right geometry and enough memory."""
    try:
        size = memory_bytes(batches.side, batches.dtype)
        wanted = HELLO.pack(batches.side, CHUNK, batches.dtype.char.encode())
        if data != wanted or len(descriptors) != 1 or os.fstat(descriptors[0]).st_size != size:
            return None
        return slots_of(mmap.mmap(descriptors[0], size), batches.side, batches.dtype)
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
