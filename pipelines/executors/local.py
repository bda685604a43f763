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
from maskgen.processes.supervisor import Loss, Supervisor, dying_workers
from maskgen.processes.watch import finished_images, kept_images, saved_images, unsaved_images

from ..model.fleet import ModelProcesses
from ..resolve import ResolvedConfig
from ..shard.make import ShardJob, ShardResult
from ..shard.stages import Stages
from ..shard.worker import StagesFactory, Task, Trial, serve
from .executor import Executor, State

_POLL_S = 0.5
_ATTEMPTS = 4  # crashes of a shard without an image to blame before the run is given up


@dataclass
class Crew:
    """The worker processes of one machine, and its model processes.

    Args:
        config: of the run.
        workers: number of processes.
        make_stages: builds the stages inside a worker; a module-level function.
    """

    config: ResolvedConfig
    workers: int
    make_stages: StagesFactory = Stages
    _models: ModelProcesses | None = None
    _started: float = field(default_factory=time.monotonic)
    _fruitless: dict[int, int] = field(default_factory=dict)
    _supervisor: Supervisor[Task] = field(init=False)

    def __post_init__(self) -> None:
        timeout_s = self.config.options.image_timeout
        self._supervisor = Supervisor(self._start, self.workers, self._judge, timeout_s)

    @property
    def left(self) -> int:
        """Shards that are not committed, those under way included."""
        return len(self._supervisor.queue) + len(self._supervisor.running)

    @property
    def is_hungry(self) -> bool:
        """Whether a worker has nothing to do."""
        return self.left < self.workers

    def take(self, jobs: list[ShardJob]) -> None:
        """Put shards behind those that wait."""
        if self.config.model_process and jobs and not self._models:
            self._models = ModelProcesses(self.config)
        self._supervisor.queue.extend(jobs)

    def step(self, *, begin: bool) -> Iterator[ShardResult]:
        """Wait up to half a second for shards that get committed; see to crashes and hangs.

        Args:
            begin: whether shards that wait may be begun.

        Raises:
            MaskgenError: a worker met an error that no other image would survive.
        """
        if begin:
            self._supervisor.hand_out()
        yield from self._collect()
        if self._models:
            self._models.check()
        self._supervisor.check()

    def state(self) -> State:
        """What is under way."""
        shards = self._running_shards()
        return State(
            len(shards),
            sum(map(finished_images, shards)),
            sum(map(kept_images, shards)),
            sum(map(saved_images, shards)),
            sum(map(unsaved_images, shards)),
            self.workers,
            self._use(),
        )

    def finished_by_shard(self) -> dict[int, int]:
        """Of each shard under way, by its number, the images that are done."""
        running = self._supervisor.running
        return {
            one.task.number: finished_images(one.slots) for one in running if isinstance(one.task, ShardJob)
        }

    def close(self) -> None:
        """End the workers, those on a shard by a kill, and the model processes."""
        self._supervisor.close()
        if self._models:
            self._models.close()

    def _start(self, workers: Workers[Task]) -> Worker[Task]:
        address = self._models.address() if self._models else ""
        return workers.start(serve, self.config, self.make_stages, address)

    def _running_shards(self) -> list[Any]:
        """The watches' slots of the workers that make shards."""
        running = self._supervisor.running
        return [worker.slots for worker in running if isinstance(worker.task, ShardJob)]

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
        job = task.job if isinstance(task, Trial) else task
        if loss.item is None or loss.item in job.known_bad:
            self._try_again(job, loss.reason)
        elif isinstance(task, Trial):
            queue.appendleft(replace(job, known_bad={**job.known_bad, task.index: loss.reason}))
        else:
            queue.appendleft(Trial(job, loss.item))

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


class LocalExecutor(Executor):
    """Makes shards in worker processes on this machine.

    Args:
        config: of the run.
        workers: number of processes.
        make_stages: builds the stages inside a worker; a module-level function.
        tick: told a few times a second what is under way.
        stop: asked on every step; 0 go on, 1 finish the running shards, 2 drop them now.
    """

    def __init__(
        self,
        config: ResolvedConfig,
        workers: int,
        make_stages: StagesFactory = Stages,
        tick: Callable[[State], None] = lambda _: None,
        stop: Callable[[], int] = lambda: 0,
    ) -> None:
        super().__init__(Crew(config, workers, make_stages), tick, stop)


def _cpu_seconds(process: BaseProcess) -> float:
    """CPU time that a process has used; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
