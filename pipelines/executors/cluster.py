"""Shards made by the nodes of a Ray cluster: one actor on each, with a crew inside, visited in turns."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskgen.config.counted import counted
from maskgen.errors import EnvironmentFault
from maskgen.io.atomic import PartialFile
from maskgen.io.storage.address import is_address
from maskgen.processes.ray_connection import connected

from ..resolve import ResolvedConfig
from ..shard.make import ShardJob, ShardResult
from ..shard.stages import Stages
from ..shard.worker import StagesFactory
from .executor import Executor, State
from .head import Head, Machine
from .node import Look, Node, Place, Report
from .schedule import Schedule

_WAIT_S = 0.5
_LOOK_S = 2.0  # between two looks for nodes that have come or gone
_PATIENCE_S = 30.0  # without any node, until that is said
_CLOSE_S = 3.0
_STARTS = 3  # of a node that dies before its first report, until it is left out


@dataclass
class _Member:
    """A node of this run.

    Args:
        actor: handle of its `Node`.
        host: its name, once it has looked round.
        workers: its processes.
        joined: when it had looked round, seconds; 0 before.
        state: as it reported last.
        stopped: whether that came after it was told to begin nothing more.
        made: images that it has made in shards that are committed.
    """

    actor: Any
    host: str
    workers: int
    joined: float = 0.0
    state: State = field(default_factory=State)
    stopped: bool = False
    made: int = 0

    def rate(self, now: float) -> float:
        """Images per second since it joined."""
        return (self.made + self.state.finished - self.state.kept) / max(now - self.joined, 1e-9)


class Nodes:
    """The nodes of a cluster as a team: those that join are used, those that leave cost what they held.

    Args:
        config: of the run.
        workers: processes on each node; 0 for one per core.
        make_stages: builds the stages inside a worker; a module-level function.
        address: of the cluster; ``auto`` for the one of this machine, or a new one.
        say: told what a user should know at once.
    """

    def __init__(
        self,
        config: ResolvedConfig,
        workers: int,
        make_stages: StagesFactory,
        address: str,
        say: Callable[[str], None],
    ) -> None:
        self._config = _absolute(config)
        self._workers = workers
        self._make_stages = make_stages
        self._address = address
        self._say = say
        self._schedule = Schedule([])
        self._members: dict[str, _Member] = {}
        self._calls: dict[Any, str] = {}
        self._starts: dict[str, int] = {}
        self._unfit: dict[str, str] = {}
        self._looked = 0.0
        self._alone_since = time.monotonic()
        self._stack = contextlib.ExitStack()
        self._place: Place
        self._head: Head

    @property
    def left(self) -> int:
        """Shards that are not committed, those under way included."""
        return self._schedule.left

    def take(self, jobs: list[ShardJob]) -> None:
        """Join the cluster and put shards behind those that wait.

        Raises:
            EnvironmentFault: Ray is not installed, or does not answer.
        """
        if not jobs:
            return
        self._schedule.add(jobs)
        import ray

        self._stack.enter_context(connected(self._address, self._workers, self._say))
        self._head = Head(ray.get_runtime_context().gcs_address, self._say)
        probe = self._stack.enter_context(PartialFile(Path(self._config.options.output) / "nodes"))
        text = secrets.token_hex(8)
        probe.write(text.encode())
        self._place = Place(jobs[0].target, jobs[0].fingerprint, probe.path, text)

    def step(self, *, begin: bool) -> Iterator[ShardResult]:
        """Wait up to half a second for nodes to report, and visit them again.

        Args:
            begin: whether shards that wait may be begun.

        Raises:
            MaskgenError: an error that no other image would survive; no node can work.
            Interrupted: the head of the cluster is gone.
        """
        import ray

        now = time.monotonic()
        if now - self._looked > _LOOK_S:
            nodes = self._head.nodes(now)
            if nodes is not None:
                self._use(nodes)
            self._looked = now
        if not self._calls:
            time.sleep(_WAIT_S / 5)
            return
        pending = list(self._calls)
        if ray.wait(pending, timeout=_WAIT_S)[0]:
            for call in ray.wait(pending, num_returns=len(pending), timeout=0)[0]:
                yield from self._answer(call, begin=begin)

    def state(self) -> State:
        """What is under way, over all nodes."""
        now = time.monotonic()
        members = [(name, one) for name, one in self._members.items() if one.joined]
        states = [one.state for _, one in members]
        use: dict[str, list[float]] = {}
        for state in states:
            for device, share in state.device_use.items():
                use.setdefault(device, []).append(share)
        return State(
            sum(one.state.shards if one.stopped else self._schedule.holds(name) for name, one in members),
            sum(state.finished for state in states),
            sum(state.kept for state in states),
            sum(state.saved for state in states),
            sum(state.unsaved for state in states),
            sum(one.workers for _, one in members),
            {device: sum(shares) / len(shares) for device, shares in use.items()},
            {f"{one.host}/{name[:6]}": one.rate(now) for name, one in members},
        )

    def close(self) -> None:
        """Have every node end its crew and sweep up; leave the cluster, or end the one started here."""
        members, self._members = list(self._members.values()), {}
        self._calls.clear()
        if members:
            import ray
            from ray.exceptions import RayError

            with contextlib.suppress(RayError):
                ray.wait(
                    [one.actor.close.remote() for one in members],
                    num_returns=len(members),
                    timeout=_CLOSE_S,
                )
            for one in members:
                ray.kill(one.actor)
        self._stack.close()

    def _use(self, nodes: dict[str, Machine]) -> None:
        """Start an actor on every node that has none, and cores."""
        nodes = {name: machine for name, machine in nodes.items() if machine.cores}
        for name, machine in nodes.items():
            if name not in self._members and name not in self._unfit:
                self._start(name, machine)
        self._unfit = {name: why for name, why in self._unfit.items() if name in nodes}
        if nodes and len(self._unfit) == len(nodes):
            raise EnvironmentFault(
                "no node of the cluster can make these shards",
                cause="; ".join(dict.fromkeys(self._unfit.values())),
                remedy="mend that on one of them, and run the same command again",
            )
        now = time.monotonic()
        if any(one.joined for one in self._members.values()):
            self._alone_since = now
        elif now - self._alone_since > _PATIENCE_S:
            self._alone_since = now
            self._say("no node is ready: waiting for one (ray status shows who holds the cores)")

    def _start(self, name: str, machine: Machine) -> None:
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        gpus = machine.gpus if self._config.options.device == "cuda" else 0
        workers = self._workers or machine.cores
        actor_class: Any = ray.remote(Node)
        actor = actor_class.options(
            num_cpus=machine.cores,
            num_gpus=gpus,
            max_restarts=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(name, soft=False),
        ).remote(self._config, workers, gpus, self._make_stages)
        self._members[name] = _Member(actor, machine.host, workers)
        self._calls[actor.look.remote(self._place)] = name

    def _answer(self, call: Any, *, begin: bool) -> Iterator[ShardResult]:
        """What a node has said, and the next visit to it."""
        import ray
        from ray.exceptions import RayError

        name = self._calls.pop(call)
        member = self._members[name]
        try:
            answer: Look | Report = ray.get(call)
        except RayError as error:
            self._lost(name, error)
            return
        if isinstance(answer, Look):
            if answer.unfit:
                self._leave_out(name, answer.unfit)
                return
            member.joined = time.monotonic()
            self._schedule.join(name, member.workers, member.joined)
        else:
            member.state = answer.state
            member.stopped = not begin
            member.made += sum(one.record.samples + one.record.failed - one.kept for one in answer.results)
            self._starts.pop(name, None)
            self._schedule.report(name, [one.number for one in answer.results], answer.finished)
        jobs = self._schedule.give(name, time.monotonic()) if begin else []
        self._calls[member.actor.step.remote(jobs, begin=begin)] = name
        if isinstance(answer, Report):
            yield from answer.results
            if answer.fault:
                raise answer.fault

    def _lost(self, name: str, error: Exception) -> None:
        """A node does not answer: what it held is given to others."""
        member = self._members.pop(name)
        why = str(error).strip().splitlines()[-1][:200]
        if member.joined:
            held = self._schedule.leave(name)
            self._say(f"node {member.host} was lost; {counted(held, 'shard')} of it will be made by others")
        self._starts[name] = self._starts.get(name, 0) + 1
        if self._starts[name] >= _STARTS:
            self._leave_out(name, f"maskgen dies there: {why}", member.host)

    def _leave_out(self, name: str, why: str, host: str = "") -> None:
        member = self._members.pop(name, None)
        if member:
            import ray

            ray.kill(member.actor)
            host = member.host
        self._unfit[name] = f"node {host}: {why}"
        self._say(f"node {host} is left out: {why}")


class RayExecutor(Executor):
    """Makes shards on the nodes of a Ray cluster.

    Args:
        config: of the run; its options name the cluster.
        workers: processes on each node; 0 for one per core.
        make_stages: builds the stages inside a worker; a module-level function.
        tick: told a few times a second what is under way.
        stop: asked on every step; 0 go on, 1 finish the running shards, 2 drop them now.
        say: told what a user should know at once.
    """

    def __init__(
        self,
        config: ResolvedConfig,
        workers: int,
        make_stages: StagesFactory = Stages,
        tick: Callable[[State], None] = lambda _: None,
        stop: Callable[[], int] = lambda: 0,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        super().__init__(Nodes(config, workers, make_stages, config.options.ray_address, say), tick, stop)


def _absolute(config: ResolvedConfig) -> ResolvedConfig:
    """With paths that mean the same in whatever folder a process was started."""
    options, method, inpainting = config.options, config.method, config.inpainting
    options = replace(
        options,
        input=_absolute_path(options.input),
        output=_absolute_path(options.output),
        weights=_absolute_path(options.weights),
        background_weights=_absolute_path(options.background_weights),
    )
    method = replace(method, weights=_absolute_path(method.weights))
    if inpainting:
        inpainting = replace(inpainting, weights=_absolute_path(inpainting.weights))
    return replace(config, options=options, method=method, inpainting=inpainting)


def _absolute_path(name: str) -> str:
    """A path from the root; an address, or nothing, as it is."""
    return str(Path(name).absolute()) if name and not is_address(name) else name
