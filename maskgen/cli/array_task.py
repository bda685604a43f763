"""Which part of a run a task of an array makes, by what Slurm and Kubernetes say in the environment."""

from __future__ import annotations

from collections.abc import Mapping

from ..errors import UsageError

TASKS = "MASKGEN_TASKS"
"""How many tasks there are, where the scheduler does not say it (Kubernetes) or says it of a part of them."""
_SLURM = "SLURM_ARRAY_TASK_ID"
_INDEXED_JOB = "JOB_COMPLETION_INDEX"
_BY_HAND = "give --task i/N"


def find_task(environment: Mapping[str, str]) -> tuple[int, int]:
    """The number of this task, from 0 on, and that of all tasks.

    With MASKGEN_TASKS the scheduler's index is the task's number as it stands. Without it a Slurm array is a
    whole of its own: its smallest index is task 0, and a step between indices counts as 1.

    Args:
        environment: variables by name, such as ``os.environ``.

    Raises:
        UsageError: no array, no number of tasks, or an array with holes, whose places nobody knows.

    Example:
        >>> from maskgen.cli.array_task import find_task
        >>> find_task({"JOB_COMPLETION_INDEX": "2", "MASKGEN_TASKS": "8"})
        (2, 8)
    """
    found = [name for name in (_SLURM, _INDEXED_JOB) if name in environment]
    if len(found) != 1:
        raise UsageError(
            f"--task auto finds {'two arrays' if found else 'no array'}",
            where=" and ".join(found),
            cause="" if found else f"neither {_SLURM} nor {_INDEXED_JOB} is set, as in Slurm and Kubernetes",
            remedy=_BY_HAND,
        )
    name = found[0]
    index = _number(environment, name)
    if TASKS in environment:
        number, count = index, _number(environment, TASKS)
    elif name == _SLURM:
        number, count = _place(index, environment)
    else:
        raise UsageError(
            "--task auto does not find how many tasks there are",
            where=f"{TASKS} is not set",
            cause=f"Kubernetes gives {_INDEXED_JOB}, but no number of all",
            remedy=f"set {TASKS} to the Job's completions in the container's env",
        )
    if not 0 <= number < count:
        raise UsageError(
            f"--task auto finds a task that is none of {count}, counted from 0",
            where=f"{name}={index}",
            remedy=f"let the array's indices be 0 to N - 1, where {TASKS} is N, or {_BY_HAND}",
        )
    return number, count


def _place(index: int, environment: Mapping[str, str]) -> tuple[int, int]:
    """The place of an index in its Slurm array, and the array's length."""
    least, most, step, count = (
        _number(environment, f"SLURM_ARRAY_TASK_{part}") for part in ("MIN", "MAX", "STEP", "COUNT")
    )
    indices = range(least, most + 1, max(1, step))
    # of 0,3,7 Slurm says: from 0 to 7 in steps of 1, three tasks; of 2,4,6 too that the step is 1
    if len(indices) != count or index not in indices:
        raise UsageError(
            "--task auto does not find a task's place in an array with holes",
            where=f"{index} of {count} tasks from {least} to {most} in steps of {step}",
            cause="Slurm does not say which indices were left out",
            remedy=f"submit it as --array=0-{count - 1}, or set {TASKS} to the number of all tasks: then an "
            "index is the task's number as it stands",
        )
    return indices.index(index), count


def _number(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name)
    try:
        return int(value or "")
    except ValueError:
        raise UsageError(
            "--task auto lacks a number",
            where=f"{name} is not set" if value is None else f"{name}={value}",
            cause="the environment was not handed on as a whole, as into a container"
            if value is None
            else "",
            remedy=f"set it, or {_BY_HAND}",
        ) from None
