"""N worker processes on this machine, one shard per task, watched: a crash or a hang costs one image."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from maskgen.config import RunConfig
from maskgen.errors import EnvironmentFault, MaskgenError
from maskgen.io.processes import worker_environment
from maskgen.io.signals import interrupted
from maskgen.pipelines.executors.models import ModelProcesses
from maskgen.pipelines.shard import ShardJob, ShardResult
from maskgen.pipelines.stages import Stages
from maskgen.pipelines.watch import IDLE, busy_for, busy_image, finished_images
from maskgen.pipelines.worker import Answer, StagesFactory, Task, Trial, serve

GRACE_S = 15.0  # after a signal: time to finish shards; with the kill and the sweep it stays below 20 s
_POLL_S = 0.5
_ATTEMPTS = 4  # crashes of a shard without an image to blame before the run is given up


@dataclass
class _Worker:
    """One process, its pipe, its watch's slots, and the task it is on."""

    process: BaseProcess
    pipe: Connection
    slots: Any
    task: Task | None = None


@dataclass
class LocalExecutor:
    """Runs shard jobs in worker processes.

    Args:
        config: resolved.
        workers: number of processes.
        make_stages: builds the stages inside a worker; a module-level function.
        tick: called about twice a second with the number of images finished in running shards, and the share of
            the time that each device has been busy.
        stop: asked on every tick; 0 go on, 1 finish the running shards, 2 drop them now.
    """

    config: RunConfig
    workers: int
    make_stages: StagesFactory = Stages
    tick: Callable[[int, dict[str, float]], None] = lambda *_: None
    stop: Callable[[], int] = lambda: 0
    _models: ModelProcesses | None = None
    _pool: list[_Worker] = field(default_factory=list)
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
            if self.config.model_process == "on" and jobs:
                self._models = ModelProcesses(self.config)
            while self._queue or any(worker.task for worker in self._pool):
                order = self.stop()
                if order:
                    deadline = deadline or time.monotonic() + GRACE_S
                    if order > 1 or time.monotonic() > deadline or not any(w.task for w in self._pool):
                        raise interrupted()
                else:
                    self._hand_out()
                yield from self._collect()
                self._watch()
                running = [w.slots for w in self._pool if isinstance(w.task, ShardJob)]
                self.tick(sum(finished_images(slots) for slots in running), self._use())
        finally:
            self._close()

    def _hand_out(self) -> None:
        for worker in self._pool:
            if worker.task is None and self._queue:
                self._send(worker, self._queue.popleft())
        while self._queue and len(self._pool) < self.workers:
            worker = self._start()
            self._pool.append(worker)
            self._send(worker, self._queue.popleft())

    def _send(self, worker: _Worker, task: Task) -> None:
        worker.task = task
        with contextlib.suppress(OSError):  # it died just now: `_watch` sees that
            worker.pipe.send(task)

    def _start(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        slots = context.RawArray("d", IDLE)
        address = self._models.address() if self._models else ""
        process = context.Process(
            target=serve,
            args=(theirs, slots, self.config, self.make_stages, os.getpid(), address),
            daemon=True,
        )
        with worker_environment():
            process.start()
        theirs.close()
        return _Worker(process, ours, slots)

    def _collect(self) -> Iterator[ShardResult]:
        ready = wait([worker.pipe for worker in self._pool], timeout=_POLL_S)
        for worker in [w for w in self._pool if w.pipe in ready]:
            try:
                answer: Answer = worker.pipe.recv()
            except (EOFError, OSError):
                continue  # a dead worker: `_watch` sees to it
            task, worker.task = worker.task, None
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
        now = time.monotonic()
        for worker in list(self._pool):
            hung = busy_for(worker.slots, now) > self.config.image_timeout
            if worker.process.is_alive() and not hung:
                continue
            worker.process.kill()
            worker.process.join()
            self._pool.remove(worker)
            worker.pipe.close()
            reason = (
                f"hang: more than {self.config.image_timeout:g} s"
                if hung
                else f"crash: {_cause(worker.process)}"
            )
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
            raise EnvironmentFault(
                f"worker processes keep dying ({cause})",
                where=job.name,
                cause="too little memory for this many workers",
                remedy="run again with fewer --workers",
            )
        self._queue.appendleft(job)

    def _use(self) -> dict[str, float]:
        """Share of the time since the start that each device has been busy."""
        if self._models:
            return self._models.use()
        passed = (time.monotonic() - self._started) * max(1, len(self._pool))
        return {"cpu": min(1.0, sum(_cpu_seconds(worker.process) for worker in self._pool) / passed)}

    def _close(self) -> None:
        for worker in self._pool:
            worker.pipe.close()
            if worker.task is not None:
                worker.process.kill()
        for worker in self._pool:
            worker.process.join(5)
            worker.process.kill()
            worker.process.join()
        self._pool.clear()
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
