"""N worker processes on this machine, one shard per task, watched: a crash or a hang costs one image."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

from maskgen.errors import MaskgenError
from maskgen.processes.pool import Worker, Workers, keep_dying
from maskgen.processes.signals import interrupted
from maskgen.processes.watch import busy_for, busy_image, finished_images

from ..model.fleet import ModelProcesses
from ..resolve import ResolvedConfig
from ..shard.make import ShardJob, ShardResult
from ..shard.stages import Stages
from ..shard.worker import Answer, StagesFactory, Task, Trial, serve

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
        tick: called about twice a second with the number of images finished in running shards, and the share of
            the time that each device has been busy.
        stop: asked on every tick; 0 go on, 1 finish the running shards, 2 drop them now.
    """

    config: ResolvedConfig
    workers: int
    make_stages: StagesFactory = Stages
    tick: Callable[[int, dict[str, float]], None] = lambda *_: None
    stop: Callable[[], int] = lambda: 0
    _models: ModelProcesses | None = None
    _workers: Workers[Task] = field(default_factory=Workers)
    _queue: deque[Task] = field(default_factory=deque)
    _started: float = field(default_factory=time.monotonic)
    _fruitless: dict[int, int] = field(default_factory=dict)

    def run(self, jobs: list[ShardJob]) -> Iterator[ShardResult]:
        """Yield each shard as it is committed, in any order.

        Raises:
            Interrupted: `stop` said so; what is committed stays.
            MaskgenError: a worker met an error that no other image would survive.
        """
        self._queue.extend(jobs)
        deadline: float | None = None
        try:
            if self.config.model_process and jobs:
                self._models = ModelProcesses(self.config)
            while self._queue or any(worker.task for worker in self._workers.alive):
                order = self.stop()
                if order:
                    deadline = deadline or time.monotonic() + GRACE_S
                    if (
                        order > 1
                        or time.monotonic() > deadline
                        or not any(w.task for w in self._workers.alive)
                    ):
                        raise interrupted()
                else:
                    self._hand_out()
                yield from self._collect()
                self._watch()
                running = [w.slots for w in self._workers.alive if isinstance(w.task, ShardJob)]
                self.tick(sum(finished_images(slots) for slots in running), self._use())
        finally:
            self._close()

    def _hand_out(self) -> None:
        idle = [worker for worker in self._workers.alive if worker.task is None]
        while self._queue and (idle or len(self._workers.alive) < self.workers):
            self._workers.send(idle.pop(0) if idle else self._start(), self._queue.popleft())

    def _start(self) -> Worker[Task]:
        address = self._models.address() if self._models else ""
        return self._workers.start(serve, self.config, self.make_stages, address)

    def _collect(self) -> Iterator[ShardResult]:
        answer: Answer
        for task, answer in self._workers.answers(_POLL_S):
            if isinstance(answer, MaskgenError):
                raise answer
            if isinstance(answer, ShardResult):
                yield answer
            elif isinstance(task, Trial):
                self._try_again(task.job, "no single image is to blame")

    def _watch(self) -> None:
        """Replace workers that died or hang, and find the image that is to blame."""
        if self._models:
            self._models.check()
        now, limit = time.monotonic(), self.config.options.image_timeout
        for worker, hung in self._workers.lost(lambda one: busy_for(one.slots, now) > limit):
            reason = f"hang: more than {limit:g} s" if hung else f"crash: {_cause(worker.process)}"
            if worker.task is not None:
                self._blame(worker.task, busy_image(worker.slots), reason)

    def _blame(self, task: Task, busy: int | None, reason: str) -> None:
        """A worker died on this task: try the image it was on alone, and convict it when it kills again."""
        if busy is None:
            self._try_again(task.job if isinstance(task, Trial) else task, reason)
        elif isinstance(task, Trial):
            self._queue.appendleft(replace(task.job, convicted={**task.job.convicted, task.index: reason}))
        else:
            self._queue.appendleft(Trial(task, busy))

    def _try_again(self, job: ShardJob, cause: str) -> None:
        """No image is to blame: run the shard again, and give up after a few times."""
        count = self._fruitless[job.number] = self._fruitless.get(job.number, 0) + 1
        if count > _ATTEMPTS:
            raise keep_dying(cause, job.name)
        self._queue.appendleft(job)

    def _use(self) -> dict[str, float]:
        """Share of the time since the start that each device has been busy."""
        if self._models:
            return self._models.use()
        workers = self._workers.alive
        passed = (time.monotonic() - self._started) * max(1, len(workers))
        return {"cpu": min(1.0, sum(_cpu_seconds(worker.process) for worker in workers) / passed)}

    def _close(self) -> None:
        self._workers.close()
        if self._models:
            self._models.close()


def _cpu_seconds(process: BaseProcess) -> float:
    """CPU time that a process has used; 0 when it has ended."""
    try:
        fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _cause(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return f"the worker was killed by signal {-code}" if code < 0 else f"the worker exited with status {code}"
