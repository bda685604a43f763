"""The model processes of a run: one per device, each behind a socket that the workers connect to."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import socket
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from maskgen.errors import EnvironmentFault, MaskgenError
from maskgen.processes.lifetime import worker_environment

from ..resolve import ResolvedConfig
from .server import METERS, busy_seconds, busy_since, serve_network

_BACKLOG = 128
_COMPILE_S = 900.0  # the first call of a compiled network may take this much longer
_NUMBERS = itertools.count()


@dataclass
class _Model:
    device: str
    address: str
    process: BaseProcess
    faults: Connection
    meters: Any


class ModelProcesses:
    """Starts them at once and deals the workers to them in turns.

    Args:
        config: of a run whose network has processes of its own.
    """

    def __init__(self, config: ResolvedConfig) -> None:
        self._started = time.monotonic()
        options = config.options
        self._timeout = options.image_timeout + (_COMPILE_S if options.compile else 0.0)
        self._models = [_start(config, device) for device in config.devices]
        self._turns = itertools.cycle(self._models)

    def address(self) -> str:
        """Where the next worker connects."""
        return next(self._turns).address

    def check(self) -> None:
        """End the run when a model process has ended.

        Raises:
            MaskgenError: what it died of.
        """
        for model in self._models:
            if model.faults.poll():
                try:
                    fault: MaskgenError = model.faults.recv()
                except EOFError:
                    continue  # it has died: the next line sees that
                raise fault
            if not model.process.is_alive():
                raise EnvironmentFault(
                    f"the process that runs the network on {model.device} has ended "
                    f"(status {model.process.exitcode})",
                    cause="it was killed, for want of memory for example",
                    remedy="run again; with a smaller --batch-size when memory is short",
                )

            since = busy_since(model.meters)
            if since and time.monotonic() - since > self._timeout:
                raise EnvironmentFault(
                    f"the network has hung on {model.device}",
                    cause=f"one batch took more than {self._timeout:g} s",
                    remedy="maskgen doctor; or a longer --image-timeout",
                )

    def use(self) -> dict[str, float]:
        """Share of the time since the start that each device has been busy, by its name."""
        passed = max(1e-9, time.monotonic() - self._started)
        return {model.device: busy_seconds(model.meters) / passed for model in self._models}

    def close(self) -> None:
        """End the processes; their workers have ended before."""
        for model in self._models:
            model.process.kill()
            model.process.join()
            model.faults.close()


def _start(config: ResolvedConfig, device: str) -> _Model:
    address = f"\0maskgen-{os.getpid()}-{next(_NUMBERS)}"  # abstract: no file to be left behind
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    meters = context.RawArray("d", METERS)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(address)
        listener.listen(_BACKLOG)
        arguments = (
            listener,
            config.options.method,
            config.method_on(device),
            config.options.batch_size,
            meters,
            theirs,
            os.getpid(),
        )
        process = context.Process(target=serve_network, args=arguments, daemon=True)
        with worker_environment():
            process.start()
    theirs.close()
    return _Model(device, address, process, ours, meters)
