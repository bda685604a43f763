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
from typing import Any

from maskgen.config import RunConfig
from maskgen.errors import EnvironmentFault, MaskgenError
from maskgen.io.processes import one_thread_each
from maskgen.pipelines.shard import DONE, LANES, SLOTS, ShardJob, ShardResult
from maskgen.pipelines.signals import interrupted
from maskgen.pipelines.stages import Stages
from maskgen.pipelines.worker import Answer, StagesFactory, Task, Trial, serve

GRACE_S = 15.0  # after a signal: time to finish shards; with the kill and the sweep it stays below 20 s
_POLL_S = 0.5
_FRUITLESS = 2  # crashes without a convicted image before a shard is run one image at a time
_ATTEMPTS = 4  # as many before the run is given up


@dataclass
class _Worker:
    """One process, its pipe, its lanes, and the task it is on."""

    process: BaseProcess
    pipe: Connection
    slots: Any
    task: Task | None = None

    def busy_images(self) -> tuple[int, ...]:
        """Indices of the images that its stages are on."""
        return tuple(
            sorted({int(self.slots[2 * lane]) for lane in range(len(LANES)) if self.slots[2 * lane] >= 0})
        )

    def hung_for(self, now: float) -> float:
        """Seconds that the slowest stage has been on its image."""
        since = [self.slots[2 * lane + 1] for lane in range(len(LANES)) if self.slots[2 * lane] >= 0]
        return now - min(since) if since else 0.0


@dataclass
class LocalExecutor:
    """Runs shard jobs in worker processes.

    Args:
        config: resolved.
        workers: number of processes.
        make_stages: builds the stages inside a worker; a module-level function.
        tick: called about twice a second with the number of images finished in running shards.
        stop: asked on every tick; 0 go on, 1 finish the running shards, 2 drop them now.
    """

    config: RunConfig
    workers: int
    make_stages: StagesFactory = Stages
    tick: Callable[[int], None] = lambda _: None
    stop: Callable[[], int] = lambda: 0
    _pool: list[_Worker] = field(default_factory=list)
    _queue: deque[Task] = field(default_factory=deque)
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
                self.tick(sum(int(w.slots[DONE]) for w in self._pool if isinstance(w.task, ShardJob)))
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
        slots = context.RawArray("d", [-1.0, 0.0] * len(LANES) + [0.0] * (SLOTS - 2 * len(LANES)))
        process = context.Process(
            target=serve, args=(theirs, slots, self.config, self.make_stages, os.getpid()), daemon=True
        )
        with one_thread_each():
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
            elif isinstance(task, Trial) and task.found:
                self._queue.appendleft(task.job)
            elif isinstance(task, Trial):
                self._try_again(task.job, "no single image is to blame")

    def _watch(self) -> None:
        """Replace workers that died or hang, and find the image that is to blame."""
        now = time.monotonic()
        for worker in list(self._pool):
            hung = worker.hung_for(now) > self.config.image_timeout
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
                self._blame(worker.task, worker.busy_images(), reason)

    def _blame(self, task: Task, busy: tuple[int, ...], reason: str) -> None:
        """A worker died on this task: find the image at fault, or convict it when it was alone."""
        job = task.job if isinstance(task, Trial) else task
        if not busy:
            self._try_again(job, reason)
        elif not (isinstance(task, Trial) or job.serial):
            self._queue.appendleft(Trial(job, busy))
        else:
            job = replace(job, convicted={**job.convicted, busy[0]: reason})
            rest = tuple(i for i in task.indices if i > busy[0]) if isinstance(task, Trial) else ()
            self._queue.appendleft(Trial(job, rest, found=True) if rest else job)

    def _try_again(self, job: ShardJob, cause: str) -> None:
        """No image is to blame: run the shard again, then one image at a time, then give up."""
        count = self._fruitless[job.number] = self._fruitless.get(job.number, 0) + 1
        if count > _ATTEMPTS:
            raise EnvironmentFault(
                f"worker processes keep dying ({cause})",
                where=job.name,
                cause="too little memory for this many workers",
                remedy="run again with fewer --workers",
            )
        self._queue.appendleft(replace(job, serial=count >= _FRUITLESS))

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


def _cause(process: BaseProcess) -> str:
    code = process.exitcode or 0
    return f"the worker was killed by signal {-code}" if code < 0 else f"the worker exited with status {code}"
