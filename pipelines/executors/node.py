"""What runs on a node of a cluster: a crew, visited by the driver a few times a second."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from maskgen.errors import MaskgenError
from maskgen.io.atomic import sweep_partials
from maskgen.io.storage.location import Location
from maskgen.shards.destination import Target
from maskgen.shards.kept import keep
from maskgen.shards.naming import RECORDS
from maskgen.shards.plan import read_plan

from ..resolve import ResolvedConfig, library_versions
from ..shard.make import ShardJob, ShardResult
from ..shard.worker import StagesFactory
from ..sources import source_root
from .executor import State
from .local import Crew

STEP_S = 0.5
"""How long a visit lasts at most."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the shards of a run are made, and how a node tells that it sees that place.

    Args:
        target: what becomes of a shard that is made.
        fingerprint: of the run.
        probe: a file that the driver has written into the folder that it works in.
        text: its content.
    """

    target: Target
    fingerprint: str
    probe: Path
    text: str


@dataclass(frozen=True, slots=True)
class Look:
    """What a node finds when it joins.

    Args:
        host: its name.
        unfit: why it can make no shards of this run; empty when it can.
    """

    host: str
    unfit: str


@dataclass(frozen=True, slots=True)
class Report:
    """What has happened since the last visit.

    Args:
        results: shards that were committed.
        state: what is under way.
        finished: of each shard under way, by its number, the images that are done.
        fault: that ends the run.
    """

    results: tuple[ShardResult, ...]
    state: State
    finished: dict[int, int]
    fault: MaskgenError | None = None


class Node:
    """One node's part of a run; each call comes from the driver, one after the other.

    Args:
        config: of the run.
        workers: number of processes.
        gpus: that the node has for this run.
        make_stages: builds the stages inside a worker; a module-level function.
    """

    def __init__(self, config: ResolvedConfig, workers: int, gpus: int, make_stages: StagesFactory) -> None:
        os.environ.pop("OMP_NUM_THREADS", None)  # Ray has set it to the node's cores: each worker has one
        vars(sys.modules["__main__"]).pop("__file__", None)  # Ray's, or each worker would import Ray anew
        if config.options.device == "cuda":
            config = replace(config, devices=tuple(f"cuda:{number}" for number in range(gpus)))
        self._config = config
        self._output = Path(config.options.output)
        self._crew = Crew(config, workers, make_stages)
        self._stack = contextlib.ExitStack()

    def look(self, place: Place) -> Look:
        """Whether this node sees what the driver sees, and has the same libraries."""
        host = socket.gethostname()
        try:
            return Look(host, self._unfit(place))
        except MaskgenError as error:
            return Look(host, str(error))

    def _unfit(self, place: Place) -> str:
        driver = Path(self._config.options.output)
        self._output = self._stack.enter_context(place.target.node_folder(driver))
        if self._output == driver and _content(place.probe) != place.text:
            return (
                f"it cannot see the output folder {driver}: all nodes must have it at that path, "
                "on a shared file system"
            )
        if read_plan(self._output).fingerprint != place.fingerprint:
            return "it sees the plan of another run"
        options = self._config.options
        source = source_root(options)
        wanted: list[Location] = [source] if options.dataset != "sample" else []
        inpainting = self._config.inpainting
        weights = (self._config.method.weights, inpainting.weights if inpainting else "")
        wanted += [Path(path) for path in weights if path]
        if missing := [str(path) for path in wanted if not path.exists()]:
            return f"it cannot see {', '.join(missing)}: all nodes must have it at that path"
        if options.device == "cuda" and not self._config.devices:
            return "it has no GPU that Ray knows of"
        return _other_versions(self._config.versions, library_versions(options))

    def step(self, jobs: list[ShardJob], *, begin: bool) -> Report:
        """Go on for up to `STEP_S`, less when a shard is done and a worker has nothing to do.

        Args:
            jobs: shards to be made, beside those that this node holds already.
            begin: whether shards may be begun.
        """
        until = time.monotonic() + STEP_S
        results: list[ShardResult] = []
        try:
            self._crew.take([replace(job, output=self._output) for job in jobs])
            while True:
                results += self._crew.step(begin=begin)
                if time.monotonic() > until or (results and self._crew.is_hungry):
                    return Report(tuple(results), self._crew.state(), self._crew.finished_by_shard())
        except MaskgenError as error:
            return Report(tuple(results), self._crew.state(), {}, error)

    def close(self) -> None:
        """End the crew; keep what it had finished, and sweep up behind it and earlier ones on this host."""
        self._crew.close()
        keep(self._output)
        sweep_partials(self._output)
        sweep_partials(self._output / RECORDS)
        self._stack.close()


def _content(path: Path) -> str:
    """What a file holds; nothing if it is not there."""
    try:
        return path.read_text()
    except OSError:
        return ""


def _other_versions(wanted: dict[str, str], found: dict[str, str]) -> str:
    """How a node's libraries differ from the driver's: the bytes of its shards might."""
    other = [
        f"{name} {found[name]}, not {version}"
        for name, version in wanted.items()
        if name in found and found[name] != version
    ]
    return f"it has other versions of what shapes the shards ({'; '.join(other)})" if other else ""
