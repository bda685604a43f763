"""Worker processes: how they start, and with whom they end."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
_ENVIRONMENT = {
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"
    ),
    # glibc gives a large buffer back to the kernel as soon as it is freed, and a worker frees dozens per
    # image: it then takes 100 page faults per image to get them again (.2 to .6 ms). Buffers below these
    # sizes are kept.
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
}


@contextlib.contextmanager
def worker_environment() -> Iterator[None]:
    """Processes started here get one BLAS and OpenMP thread each and keep memory, unless told otherwise."""
    added = [name for name in _ENVIRONMENT if name not in os.environ]
    os.environ.update({name: _ENVIRONMENT[name] for name in added})
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def die_with(parent: int) -> None:
    """Be killed when the parent dies, also when it is killed itself (Linux)."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(0)
