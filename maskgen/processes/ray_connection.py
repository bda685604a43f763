"""A connection to a Ray cluster: to one that runs, or to a new one of this machine that ends with us."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

from ..config.counted import counted
from ..errors import EnvironmentFault, UsageError
from .cores import usable_cores

_LISTENS_S = 10.0
_PRINTS = "_worker_logs_enabled"  # Ray's debugger sets it, too; `log_to_driver` leaves out the workers' alone
_STORE_BYTES = 100_000_000  # Ray's least is 75 MB; nothing but names and counts goes through it


@contextlib.contextmanager
def connected(address: str, workers: int, say: Callable[[str], None]) -> Iterator[None]:
    """Be connected to a cluster; one that is started here ends with the context.

    Args:
        address: ``HOST:PORT``; or ``auto`` for the cluster of this machine or of RAY_ADDRESS, or else a new
            one.
        workers: processes for which a new cluster has room; 0 for one per core.
        say: told when a cluster is started.

    Raises:
        EnvironmentFault: Ray is not installed, does not answer, or does not start.
        UsageError: an address of another form.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
    except ImportError as error:
        raise EnvironmentFault(
            "a Ray cluster needs the package ray", remedy='pip install "maskgen[ray]"'
        ) from error
    if ray.is_initialized():  # by the script that calls us: it is the script's
        yield
        return
    _check_listens(os.environ.get("RAY_ADDRESS", "") if address == "auto" else address)
    with _silence():
        with _own_handlers():
            _connect(address, workers, say)
        try:
            yield
        finally:
            with _own_handlers():
                ray.shutdown()


def _connect(address: str, workers: int, say: Callable[[str], None]) -> None:
    import ray

    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "include_dashboard": False}
    try:
        try:
            ray.init(address=address, **quiet)
        except ConnectionError:
            if address != "auto" or os.environ.get("RAY_ADDRESS"):
                raise
            cores = workers or usable_cores()
            say(f"no Ray cluster is there: one is started on this machine, with {counted(cores, 'core')}")
            ray.init(address="local", num_cpus=cores, object_store_memory=_STORE_BYTES, **quiet)
    except Exception as error:  # Ray raises plain Exceptions where a node does not start
        raise _silent(address, f"{type(error).__name__}: {str(error).strip()[:300]}") from error


def _check_listens(address: str) -> None:
    """Ray itself would try for minutes, and say nothing."""
    if address in ("", "auto", "local"):
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host:
        raise UsageError(
            f"{address!r} is no address of a Ray cluster",
            remedy="give HOST:PORT of its head, for example 10.0.0.1:6379, or auto",
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), _LISTENS_S).close()
    except (OSError, OverflowError) as error:
        raise _silent(address, str(error)) from error


def _silent(address: str, why: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"the Ray cluster does not answer ({why})",
        where=address,
        cause="a wrong address, no or another token (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN), another "
        "version of Ray there, or a machine too busy to start one",
        remedy="run the same command again" if address == "auto" else f"ray status --address {address}",
    )


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Ray prints the end of a lost node's log to our standard output, where a summary in JSON may go."""
    from ray._private import worker

    before = getattr(worker, _PRINTS, True)
    setattr(worker, _PRINTS, False)
    try:
        yield
    finally:
        setattr(worker, _PRINTS, before)


@contextlib.contextmanager
def _own_handlers() -> Iterator[None]:
    """Ray sets handlers of signals of its own; ours come back behind it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    names = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
    before = {name: signal.getsignal(name) for name in names}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)
