"""Commands on the nodes of a Ray cluster, each by an actor of its own that has the GPUs or cores it needs."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import EnvironmentFault
from ..version import __version__
from .jobs import SAFE_PATH, start_process
from .places import Place

_STEP_S = 0.5
_LOOK_S = 2.0
LOST = 137
"""Exit status of a command whose node was lost."""


class Runner:
    """One command on a node; each call comes from the driver, one after the other."""

    def begin(self, version: str, base: Path, words: Sequence[str], log: Path, threads: int) -> str:
        """Start the command.

        Args:
            version: of the driver's maskgen.
            base: folder that relative paths start from.
            words: behind ``python``.
            log: gets what it says.
            threads: of each of its processes' arithmetic; 0: as torch chooses.

        Returns:
            Why it was not started; empty if it was.
        """
        node = f"the node {socket.gethostname()}"
        for folder in (base, log.parent):
            if not folder.is_dir():
                where = "all nodes must have it at that path, on a shared file system"
                return f"{node} cannot see the folder {folder}: {where}"
        if version != __version__:
            return f"{node} has maskgen {__version__}, not {version}"
        environment = {**SAFE_PATH, **({"OMP_NUM_THREADS": str(threads)} if threads else {})}
        self._process = start_process([sys.executable, *words], base, log, environment)
        return ""

    def wait(self) -> int | None:
        """Its exit status; None: it still runs, half a second later."""
        try:
            return self._process.wait(_STEP_S)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self) -> None:
        """Ask the command to end."""
        self._process.terminate()


class RemoteProcess:
    """A command on some node, as a `jobs.Process`.

    Args:
        actor: handle of its `Runner`.
        begun: what `Runner.begin` will answer.
        log: gets why it was not started, or that its node was lost.
    """

    def __init__(self, actor: Any, begun: Any, log: Path) -> None:
        self._actor, self._call, self._log = actor, begun, log
        self._is_begun = False
        self._status: int | None = None

    def poll(self) -> int | None:
        """See `jobs.Process`."""
        import ray
        from ray.exceptions import RayError

        if self._status is not None or not ray.wait([self._call], timeout=0)[0]:
            return self._status
        try:
            answer = ray.get(self._call)
        except RayError as error:
            return self._end(LOST, f"Error: the node was lost: {str(error).strip().splitlines()[-1][:200]}")
        if isinstance(answer, int):
            return self._end(answer)
        if answer:
            return self._end(1, f"Error: {answer}")
        self._is_begun = True
        self._call = self._actor.wait.remote()
        return None

    def _end(self, status: int, why: str = "") -> int:
        if why:
            with self._log.open("a") as file:
                file.write(why + "\n")
        self.kill()
        self._status = status
        return status

    def terminate(self) -> None:
        """See `jobs.Process`; what waits for room still is ended at once."""
        if self._is_begun:
            self._actor.terminate.remote()
        else:
            self.kill()

    def kill(self) -> None:
        """See `jobs.Process`: the command dies with its actor."""
        import ray

        with contextlib.suppress(Exception):  # it may be gone, and Ray with it
            ray.kill(self._actor)
        self._status = -9 if self._status is None else self._status


class RayRoom:
    """Room for `jobs` processes on each GPU, or on the cores of each node, of the cluster we are in.

    How much there is follows the nodes that come and go.

    Args:
        device: ``cpu`` or ``cuda``.
        jobs: from 1.
        base: folder that relative paths start from, on all nodes.

    Raises:
        EnvironmentFault: no node has such a device.
    """

    def __init__(self, device: str, jobs: int, base: Path) -> None:
        self._device, self._jobs, self._base = device, jobs, base
        self._taken = 0
        nodes = self._nodes()
        if not nodes:
            raise EnvironmentFault(
                f"no node of the cluster has a {'GPU' if device == 'cuda' else 'core'} that Ray knows of",
                remedy="--devices cpu, or nodes that have one" if device == "cuda" else "ray status",
            )
        shares = [int(one["CPU"] / (one["GPU"] if device == "cuda" else 1)) for one in nodes]
        self._cores = max(min(shares) // jobs, int(device == "cpu"))  # of one process
        self._look()

    def _nodes(self) -> list[Mapping[str, float]]:
        """What each node has that has such a device."""
        import ray

        kind = "GPU" if self._device == "cuda" else "CPU"
        alive = [one["Resources"] for one in ray.nodes() if one["Alive"]]
        return [{"CPU": 0.0, **one} for one in alive if one.get(kind)]

    def _look(self) -> None:
        """See for how many processes each node has room."""
        nodes = self._nodes()
        if self._device == "cuda":
            self._room = [int(one["GPU"]) * self._jobs for one in nodes]
        else:
            self._room = [int(one["CPU"]) // self._cores for one in nodes]
        self._looked = time.monotonic()

    def take(self, count: int) -> Place | None:
        """See `Room.take`.

        Raises:
            EnvironmentFault: no node is large enough.
        """
        if time.monotonic() - self._looked > _LOOK_S:
            self._look()
        wanted = self._units(count)
        largest = max(self._room, default=0)
        if not self._taken and self._room and wanted > largest:
            raise EnvironmentFault(
                f"no node of the cluster has room for {count} processes of one command",
                cause=f"the largest has room for {largest} (--jobs {self._jobs})",
                remedy="fewer, or larger nodes; on CPUs, more --jobs",
            )
        if wanted > largest or self._taken + wanted > sum(self._room):
            return None
        self._taken += wanted
        return Place((self._device,) * count, self._cores)

    def give_back(self, place: Place) -> None:
        """See `Room.give_back`."""
        self._taken -= self._units(len(place.devices))

    def _units(self, count: int) -> int:
        """Several GPUs of one command are whole ones."""
        return count * self._jobs if self._device == "cuda" and count > 1 else count

    def launch(self, words: Sequence[str], log: Path, place: Place) -> RemoteProcess:
        """A `jobs.Launch` on the cluster: it waits for its share there."""
        import ray

        count = len(place.devices)
        share = {"num_gpus": self._units(count) / self._jobs} if self._device == "cuda" else {}
        actor_class: Any = ray.remote(Runner)
        actor = actor_class.options(num_cpus=place.threads * count, max_restarts=0, **share).remote()
        begun = actor.begin.remote(__version__, self._base, words, log, place.threads)
        return RemoteProcess(actor, begun, log)
