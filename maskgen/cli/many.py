"""What `eval-ssl suite` and `train-ssl sweep` share: the options of many processes, and work done before."""

from __future__ import annotations

import functools
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from ..config.bounds import at_least
from ..config.counted import counted
from ..config.options import NewFolder, option
from ..errors import EXIT_DONE, EXIT_FAULTS, UsageError
from ..processes.jobs import Job, JobRun, Launch, start_python
from ..processes.places import Machine, Room
from ..processes.ray_connection import connected
from ..processes.ray_jobs import RayRoom
from .terminal import echo_err

if TYPE_CHECKING:
    from maskgen.trainers.evaluations.suite.folder import RecordedFolder

Folder = TypeVar("Folder", bound="RecordedFolder")
_SHOWN = 5


@dataclass(frozen=True, kw_only=True)
class ManyOptions:
    """Options of what runs many processes."""

    output: NewFolder = option(MISSING, "Folder of all results and of the report.", group="output")
    changed: str = option(
        "refuse",
        "What to do with results of other settings: refuse them, or run them again.",
        group="safety",
        choices=("refuse", "again"),
    )
    dry_run: bool = option(False, "Only say what would be done, with each command.", group="output")
    devices: str = option(
        "cpu", "Where the processes run: cpu, cuda, or GPUs such as cuda:0,cuda:1.", group="machine"
    )
    jobs: int = option(1, "Processes at once on each device.", group="machine", bounds=at_least(1))
    ray_address: str = option(
        "",
        "Run the processes on a Ray cluster: HOST:PORT of its head, or auto, the one of this machine or of "
        "RAY_ADDRESS; where there is none, one is started here. --devices then is cpu (--jobs on each node) "
        "or cuda (--jobs on each GPU of the cluster).",
        group="machine",
    )


def refuse_ranks(command: str) -> None:
    """Refuse to be one of several processes of torchrun: each would start all the others' work.

    Args:
        command: as users type it.

    Raises:
        UsageError: the environment says that there are others.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise UsageError(
            f"{command} is for one process, which starts those of its tasks",
            cause="torchrun has started several",
            remedy=f"run {command} without torchrun; --devices and --jobs say how many tasks run at once",
        )


def parse_devices(text: str) -> list[str]:
    """The devices of ``--devices``.

    Raises:
        UsageError: one that there is not.
    """
    devices = [part.strip() for part in text.split(",") if part.strip()]
    for one in devices:
        kind, _, number = one.partition(":")
        if kind not in ("cpu", "cuda") or (number and (kind == "cpu" or not number.isdecimal())):
            raise UsageError(f"--devices got {one!r}", remedy="name cpu, cuda, or GPUs such as cuda:0,cuda:1")
    return devices or ["cpu"]


def check_room(many: ManyOptions, ranks: int = 1) -> None:
    """Refuse devices that there cannot be, or too few of them for one command.

    Args:
        many: as given.
        ranks: devices of one command.

    Raises:
        UsageError: saying which.
    """
    devices = parse_devices(many.devices)
    if many.ray_address and devices not in (["cpu"], ["cuda"]):
        raise UsageError(
            f"--devices got {many.devices!r}", cause="Ray chooses the GPUs", remedy="give cpu or cuda"
        )
    if not many.ray_address and Machine(devices, many.jobs).take(ranks) is None:
        raise UsageError(
            f"a training on {ranks} devices finds {len(devices)} with {counted(many.jobs, 'job')} each",
            where="--devices-per-training",
            remedy="name more GPUs, as --devices cuda:0,cuda:1; on a CPU give --jobs",
        )


def tell_work(folders: Iterable[Folder], program: str, words: Callable[[Folder], Sequence[str]]) -> None:
    """Print what each piece of work is at, and its command.

    Args:
        folders: of the work.
        program: that does it.
        words: behind it.
    """
    for one in folders:
        changes = one.changes()
        state = "changed" if changes else "done" if one.is_done() else "to do"
        click.echo(f"{state:8} {one.name}")
        for line in changes:
            click.echo(f"         {line}")
        if state != "done":
            click.echo(f"         {program} {shlex.join(words(one))}")


def settle_changed(folders: Sequence[RecordedFolder], *, again: bool) -> None:
    """Refuse results of other settings, or remove them.

    Args:
        folders: of the work.
        again: whether it is done again.

    Raises:
        UsageError: there are such results; each field that differs is named.
    """
    from maskgen.trainers.evaluations.suite.folder import AGAIN

    changed = [(one, lines) for one in folders if (lines := one.changes())]
    if changed and not again:
        told = "".join(f"\n    {one.name}: {line}" for one, lines in changed[:_SHOWN] for line in lines)
        more = f"\n    and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
        raise UsageError(
            f"{len(changed)} of {len(folders)} cells were made with other settings:{told}{more}", remedy=AGAIN
        )
    for one, _ in changed:
        one.clear()


def run_jobs(
    jobs: Sequence[Job],
    many: ManyOptions,
    base: Path,
    following: Callable[[Job], Sequence[Job]] = lambda _: (),
) -> dict[str, str]:
    """Do all jobs on the devices that were asked for.

    Args:
        jobs: that are not done.
        many: as given.
        base: folder that relative paths start from.
        following: what there is to do as soon as a job is done, before all that waits.

    Returns:
        Why, by the name of each that has failed or that needs one which has.

    Raises:
        Interrupted: a signal came.
    """
    stop = click.get_current_context().obj
    if not jobs:
        return {}
    with _room(many, base) as (room, launch):
        run = JobRun(jobs, room, launch, echo_err, stop, following)
        run.run()
        return run.failed


@contextmanager
def _room(many: ManyOptions, base: Path) -> Iterator[tuple[Room, Launch]]:
    """Room for the processes, and what starts one there."""
    devices = parse_devices(many.devices)
    if not many.ray_address:
        yield Machine(devices, many.jobs), functools.partial(start_python, base)
        return
    with connected(many.ray_address, 0, echo_err):
        cluster = RayRoom(devices[0], many.jobs, base)
        yield cluster, cluster.launch


def tell_end(
    program: str, failed: Mapping[str, str], count: int, problems: Sequence[str], report: Path
) -> int:
    """Say what has failed and where the report is.

    Args:
        program: that says it.
        failed: why, by name.
        count: of all pieces of work.
        problems: what tables ask for in vain, a sentence each.
        report: the page.

    Returns:
        The exit status.
    """
    for name, why in failed.items():
        echo_err(f"{program}: {name}: {why}")
    for problem in problems:
        echo_err(f"{program}: {problem}")
    if failed:
        counted = f"{len(failed)} of {count} failed"
        echo_err(f"{program}: {counted}; run the same command again to try them again")
    echo_err(f"{program}: the report is {report}")
    return EXIT_FAULTS if failed or problems else EXIT_DONE
