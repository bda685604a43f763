"""What a worker process does: takes jobs from its pipe, makes shards."""

from __future__ import annotations

import traceback
from collections.abc import Callable, MutableSequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TypeAlias

from maskgen.errors import MaskgenError
from maskgen.processes.watch import Watch

from ..resolve import ResolvedConfig
from .make import ShardJob, ShardResult, make_shard, try_image
from .stages import Stages


@dataclass(frozen=True, slots=True)
class Trial:
    """Try one image of a shard alone: did it kill the worker?

    Args:
        job: the shard.
        index: the suspect's index in the shard.
    """

    job: ShardJob
    index: int


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The suspect went through."""

    number: int


Task: TypeAlias = ShardJob | Trial
Answer: TypeAlias = ShardResult | TrialResult | MaskgenError
StagesFactory: TypeAlias = Callable[[ResolvedConfig, tuple[str, ...]], Stages]


def serve(
    pipe: Connection,
    slots: MutableSequence[float],
    config: ResolvedConfig,
    make_stages: StagesFactory,
    model_address: str = "",
) -> None:
    """Answer tasks until the pipe closes.

    Args:
        pipe: tasks come in, answers go out.
        slots: of this worker's watch.
        config: of the run.
        make_stages: builds the stages.
        model_address: of the model process that runs the network; empty when the workers do.
    """
    watch = Watch(slots)
    stages: Stages | None = None
    while True:
        task: Task = pipe.recv()
        job = task.job if isinstance(task, Trial) else task
        try:
            if stages is None:
                stages = make_stages(config, job.members)
                if model_address:
                    stages.connect(model_address)
            pipe.send(_answer(task, stages, watch))
        except MaskgenError as error:
            pipe.send(error)
        except Exception as error:  # noqa: BLE001 - reported by the parent, which ends the run
            text = "".join(traceback.format_exception(error)[-6:])
            pipe.send(
                MaskgenError(
                    f"a worker failed ({type(error).__name__}: {error})",
                    where=job.name,
                    cause=text,
                    remedy="run the same command again; if it fails there again, report it with these lines",
                )
            )


def _answer(task: Task, stages: Stages, watch: Watch) -> Answer:
    if isinstance(task, ShardJob):
        return make_shard(task, task.read_rows(), stages, watch)
    try_image(task.job, task.index, task.job.read_rows(), stages, watch)
    return TrialResult(task.job.number)
