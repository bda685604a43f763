"""N worker processes on this machine, one shard per task, watched: a crash or a hang costs one image."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from maskgen.processes.pool import Worker, Workers
from maskgen.processes.signals import interrupted
from maskgen.processes.supervisor import Loss, Supervisor, dying_workers
from maskgen.processes.watch import finished_images, kept_images, saved_images, unsaved_images

from ..model.fleet import ModelProcesses
from ..resolve import ResolvedConfig
from ..shard.make import ShardJob, ShardResult
from ..shard.stages import Stages
from ..shard.worker import StagesFactory, Task, Trial, serve

GRACE_S = 15.0  # after a signal: time to finish shards; with the kill and the sweep it stays below 20 s
_POLL_S = 0.5
_ATTEMPTS = 4  # crashes of a shard without an image to blame before the run is given up


@dataclass
class LocalExecutor:
    """Runs shard jobs in worker processes.

    Args:
        config: of the run.
        workers: number of processes.
        make_stages: builds the stages inside a worker; a module-level function.
        tick: called about twice a second with the number of images finished in running shards, how many of
            them earlier attempts had made, and the share of the time that each device has been busy.
        stop: asked on every tick; 0 go on, 1 finish the running shards, 2 drop them now.
    """

    config: ResolvedConfig
    workers: int
    make_stages: StagesFactory = Stages
    tick: Callable[[int, int, dict[str, float]], None] = lambda *_: None
    stop: Callable[[], int] = lambda: 0
    _models: ModelProcesses | None = None
    _started: float = field(default_factory=time.monotonic)
    _fruitless: dict[int, int] = field(default_factory=dict)
    _supervisor: Supervisor[Task] = field(init=False)

    def __post_init__(self) -> None:
        timeout_s = self.config.options.image_timeout
        self._supervisor = Supervisor(self._start, self.workers, self._judge, timeout_s)

    def run(self, jobs: list[ShardJob]) -> Iterator[ShardResult]:
        """Yield each shard as it is committed, in any order.

        Raises:
            Interrupted: `stop` said so; committed shards stay, and what others had finished is kept.
            MaskgenError: a worker met an error that no other image would survive.
        """
        supervisor = self._supervisor
        supervisor.queue.extend(jobs)
        deadline: float | None = None
        try:
            if self.config.model_process and jobs:
                self._models = ModelProcesses(self.config)
            while supervisor.queue or supervisor.running:
                order = self.stop()
                if order:
                    deadline = deadline or time.monotonic() + GRACE_S
                    if order > 1 or time.monotonic() > deadline or not supervisor.running:
                        raise interrupted(self._break_off())
                else:
                    supervisor.hand_out()
                yield from self._collect()
                if self._models:
                    self._models.check()
                supervisor.check()
                shards = self._running_shards()
                self.tick(sum(map(finished_images, shards)), sum(map(kept_images, shards)), self._use())
        finally:
            self._close()

    def _start(self, workers: Workers[Task]) -> Worker[Task]:
        address = self._models.address() if self._models else ""
        return workers.start(serve, self.config, self.make_stages, address)

    def _running_shards(self) -> list[Any]:
        """The watches' slots of the workers that make shards."""
        running = self._supervisor.running
        return [worker.slots for worker in running if isinstance(worker.task, ShardJob)]

    def _break_off(self) -> str:
        """Kill what runs; what is lost by that, as a sentence."""
        shards = self._running_shards()
        self._supervisor.close()
        if not shards:
            left = len(self._supervisor.queue)
            return f"no shard under way, nothing is lost; still to be made: {left}" if left else ""
        kept, again = sum(map(saved_images, shards)), sum(map(unsaved_images, shards))
        return (
            f"shards under way: {len(shards)}, their photos that are finished and kept: {kept}, "
            f"to be made again: {again}"
        )

    def _collect(self) -> Iterator[ShardResult]:
        for task, answer in self._supervisor.answers(_POLL_S):
            if isinstance(answer, ShardResult):
                yield answer
            elif isinstance(task, Trial):
                self._try_again(task.job, "no single image is to blame")

    def _judge(self, loss: Loss[Task]) -> None:
        """A worker died on this task.

        Try the image it was on alone, and mark it broken when it kills again.
        """
        task, queue = loss.task, self._supervisor.queue
        if loss.item is None:
            self._try_again(task.job if isinstance(task, Trial) else task, loss.reason)
        elif isinstance(task, Trial):
            known_bad = {**task.job.known_bad, task.index: loss.reason}
            queue.appendleft(replace(task.job, known_bad=known_bad))
        else:
            queue.appendleft(Trial(task, loss.item))

    def _try_again(self, job: ShardJob, cause: str) -> None:
        """No image is to blame: run the shard again, and give up after a few times."""
        count = self._fruitless[job.number] = self._fruitless.get(job.number, 0) + 1
        if count > _ATTEMPTS:
            raise dying_workers(cause, job.name)
        self._supervisor.queue.appendleft(job)

    def _use(self) -> dict[str, float]:
        """Share of the time since the start that each device has been busy."""
        if self._models:
            return self._models.use()
        workers = self._supervisor.workers.alive
        passed = (time.monotonic() - self._started) * max(1, len(workers))
        return {"cpu": min(1.0, sum(_cpu_seconds(worker.process) for worker in workers) / passed)}

    def _close(self) -> None:
        self._supervisor.close()
        if self._models:
            self._models.close()


def _cpu_seconds(process: BaseProcess) -> float:
    """CPU time that a process has used; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
