"""A real Ray cluster on this machine: a head of one core, and nodes of one core that come and go."""

from __future__ import annotations

import contextlib
import inspect
import os
import signal
import socket
import sys
import time
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from maskgen.config.run_config import make_config
from maskgen.errors import UserFacing
from maskgen.pipelines import running
from maskgen.pipelines.executors import head
from maskgen.pipelines.resolve import ResolvedConfig
from maskgen.pipelines.shard.stages import Decoded, Masked, Quarantined, Stages

_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",  # what Ray does by default for clusters of its own, and for those with a token
    "RAY_AUTH_TOKEN": "00000000-0000-4000-8000-00000000cafe",
    "PYTHONPATH": f"{Path(__file__).parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}",
}
_NODE: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_log_monitor": False}


@contextlib.contextmanager
def loopback_cluster(nodes: int) -> Iterator[Any]:
    """A `ray.cluster_utils.Cluster`, whose head is the first of its nodes.

    The environment tells connecting processes its token.
    """
    with settings():
        import ray
        from ray.cluster_utils import Cluster

        cluster = Cluster()
        try:
            with patience():
                cluster.add_node(include_dashboard=False, no_monitor=True, **_NODE)
            for _ in range(nodes - 1):
                add_node(cluster)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()


@contextlib.contextmanager
def settings() -> Iterator[None]:
    """Ray's settings for these tests, the token among them, in the environment of this process."""
    before = {name: os.environ.get(name) for name in _SETTINGS}
    os.environ.update(_SETTINGS)
    from ray._raylet import AuthenticationTokenLoader, Config

    Config.initialize("")  # Ray may have been imported, and have read the environment, before
    AuthenticationTokenLoader.instance().reset_cache()
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        Config.initialize("")


def add_node(cluster: Any) -> Any:
    """One more node of one core."""
    with patience():
        return cluster.add_node(**_NODE)


def kill_node(cluster: Any, node: Any) -> None:
    """By -9, as a machine that loses its power: its raylet, and with it all that it started."""
    cluster.remove_node(node, allow_graceful=False)


@contextlib.contextmanager
def patience() -> Iterator[None]:
    """Nodes start on a busy machine too.

    Ray gives a node 30 s to start, and 15 s of them to each helper that says which port it has, whatever the
    machine does beside; it has no setting for either. The helpers have no ports without the package
    ``ray[default]``, and here that is said in their place.
    """
    from ray import _raylet
    from ray._private import node, services

    def start(*args: Any, **kwargs: Any) -> Any:
        given = inspect.signature(start_raylet).bind(*args, **kwargs).arguments
        with socket.create_server(("127.0.0.1", 0)) as free:
            given["runtime_env_agent_port"] = free.getsockname()[1]
        for helper in ("METRICS_AGENT", "METRICS_EXPORT", "DASHBOARD_AGENT_LISTEN"):
            name = getattr(_raylet, f"{helper}_PORT_NAME")
            _raylet.persist_port(given["session_dir"], given["node_id"], name, -1)
        return start_raylet(**given)

    patient = types.SimpleNamespace(**vars(time))
    patient.monotonic = lambda: time.monotonic() / 4
    clock, start_raylet = node.time, services.start_raylet
    node.time, services.start_raylet = patient, start
    handler = signal.getsignal(signal.SIGTERM)  # each node sets one of its own, which ends this process
    try:
        yield
    finally:
        node.time, services.start_raylet = clock, start_raylet
        signal.signal(signal.SIGTERM, handler)


class SlowStages(Stages):
    """The real stages, three tenths of a second slower."""

    def mask(self, photo: Decoded | Quarantined) -> Masked | Quarantined:
        time.sleep(0.3)
        return super().mask(photo)


class GatedStages(SlowStages):
    """Slow stages, which wait until there is a file ``gate`` beside the output."""

    gate: Path

    def mask(self, photo: Decoded | Quarantined) -> Masked | Quarantined:
        while not self.gate.exists():
            time.sleep(0.05)
        return super().mask(photo)


class PoisonedStages(Stages):
    """One photo kills its process."""

    def mask(self, photo: Decoded | Quarantined) -> Masked | Quarantined:
        if isinstance(photo, Decoded) and photo.sample.key == "p07":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().mask(photo)


def make_slow(config: ResolvedConfig, members: tuple[str, ...]) -> Stages:
    return SlowStages(config, members)


def make_gated(config: ResolvedConfig, members: tuple[str, ...]) -> Stages:
    stages = GatedStages(config, members)
    stages.gate = Path(config.options.output).with_name("gate")
    return stages


def make_poisoned(config: ResolvedConfig, members: tuple[str, ...]) -> Stages:
    return PoisonedStages(config, members)


def make(
    photos: Path, output: Path | str, options: running.RunOptions | None = None, **values: object
) -> running.Outcome:
    """`maskgen run` in this process: shards of two photos by the box method, one worker a node."""
    given = {"dataset": "folder", "input": str(photos), "output": str(output), "method": "box", "workers": 1}
    return running.run(make_config({**given, "shard_size": 2, "max_failures": "100%", **values}), options)


if __name__ == "__main__":  # a run as a process of its own: slow or gated, photos, output, cluster's address
    import loopback  # so that workers find its stages by name

    head.PATIENCE_S = 8.0  # a test waits for it
    stages = {"slow": loopback.make_slow, "gated": loopback.make_gated}[sys.argv[1]]
    steering = running.RunOptions(
        make_stages=stages, report=lambda at: print(f"nodes: {len(at.node_rates)}", flush=True)
    )
    try:
        make(Path(sys.argv[2]), Path(sys.argv[3]), steering, executor="ray", ray_address=sys.argv[4])
    except UserFacing as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
