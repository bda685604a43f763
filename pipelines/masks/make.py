"""The pictures of a photo or of a tree of photos, those that are there already passed over."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from maskgen.config.counted import counted
from maskgen.errors import ImageFault, UsageError
from maskgen.io.atomic import make_folder, sweep_partials, sync_disk
from maskgen.io.turns import await_turn
from maskgen.processes.cores import usable_cores
from maskgen.processes.supervisor import map_in_order
from maskgen.shards.naming import MANIFEST
from maskgen.types import ByteRef

from ..sources.folder import open_folder
from ..sources.listing import SourceOptions, shown
from .names import ENDING, name_masks
from .targets import check_target
from .task import Job, MaskTask


@dataclass(slots=True)
class Outcome:
    """What became of the photos.

    Args:
        total: photos.
        made: pictures made now.
        kept: pictures that were there already.
        failed: photos without one, and why.
        seconds: that it took.
    """

    total: int
    made: int = 0
    kept: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def done(self) -> int:
        """Photos that are dealt with."""
        return self.made + self.kept + len(self.failed)


def find_jobs(source: Path, output: Path, note: Callable[[str], None]) -> tuple[Path, Path, list[Job]]:
    """The photos of a folder, or the one photo, and where their pictures belong.

    Args:
        source: a photo, or a folder of them.
        output: a folder; of one photo, also the file.
        note: told what was left out.

    Returns:
        The folder that photos are read from, the one that pictures are written to, and the photos.

    Raises:
        UsageError: no photo; an output that would lie among the photos or is no PNG.
        SourceFault: a folder cannot be listed.
    """
    if source.is_dir():
        return source, output, _jobs_of_folder(source, output, note)
    if not source.is_file():
        raise UsageError("there is no such photo or folder", where=str(source), remedy="check the path")
    inside = output.is_dir() or str(output).endswith("/")
    target = output / name_masks([source.name])[0] if inside else output
    if target.suffix.lower() != ENDING:
        raise UsageError(
            "masks are PNG files", where=str(output), remedy="name a file that ends in .png, or a folder"
        )
    if target.resolve() == source.resolve():
        raise UsageError("the mask would replace its photo", where=str(source), remedy="name another file")
    ref = ByteRef(source.name, 0, source.stat().st_size)
    return source.parent, target.parent, [Job(ref, str(source), target.name)]


def _jobs_of_folder(source: Path, output: Path, note: Callable[[str], None]) -> list[Job]:
    if output.resolve().is_relative_to(source.resolve()):
        raise UsageError(
            "the masks would lie among the photos, and be taken for photos the next time",
            where=str(output),
            remedy="choose a folder outside of that of the photos",
        )
    if output.exists() and not output.is_dir():
        raise UsageError("the output is a file", where=str(output), remedy="name a folder")
    listing = open_folder(SourceOptions(input=source, root=source, labels="none"))
    items = list(listing.items())
    for line in listing.notes:
        note(line)
    if not items:
        shards = (source / MANIFEST).is_file()
        raise UsageError(
            "the folder holds no photo",
            where=str(source),
            cause="it holds shards, which have their masks" if shards else "",
            remedy="maskgen export SHARDS OUT --to png writes them as files" if shards else "check the path",
        )
    names = name_masks([item.ref.file for item in items])
    return [
        Job(item.ref, shown(str(source / item.ref.file)), name)
        for item, name in zip(items, names, strict=True)
    ]


def check_targets(task: MaskTask, jobs: Sequence[Job]) -> None:
    """Refuse to replace what was not made by these settings, before anything is made.

    Args:
        task: that will be done.
        jobs: all of it.

    Raises:
        UsageError: a file is in the way.
    """
    for job in jobs:
        check_target(task.output / job.target, task.settings, overwrite=task.overwrite)


def make_pictures(
    task: MaskTask, jobs: Sequence[Job], workers: int, report: Callable[[Outcome], object]
) -> Outcome:
    """Make those that are missing.

    Those that another command is making in the meantime come last: by then they are there, or it has failed
    with them. So commands of the same settings that write to one place share the work.

    Args:
        task: what is made of each photo.
        jobs: the photos.
        workers: processes at most; 0: one per core. One photo alone is done in this process.
        report: told after each photo.

    Raises:
        MaskgenError: what no photo is to blame for: the disk, a GPU, workers that keep dying.
    """
    started, outcome = time.monotonic(), Outcome(len(jobs))
    for folder in sorted({(task.output / job.target).parent for job in jobs}):
        make_folder(folder)
        sweep_partials(folder)
    while jobs:
        elsewhere = []
        for job, answer in _answers(task, jobs, workers):
            if answer is None:
                elsewhere.append(job)
                continue
            _count(outcome, job, answer)
            outcome.seconds = time.monotonic() - started
            report(outcome)
        for job in elsewhere:
            await_turn(task.output / job.target)
        jobs = elsewhere
    if outcome.made:
        sync_disk(task.output)
    return outcome


def _count(outcome: Outcome, job: Job, answer: bool | ImageFault) -> None:
    if isinstance(answer, ImageFault):
        outcome.failed.append((job.path, str(answer)))
    elif answer:
        outcome.made += 1
    else:
        outcome.kept += 1


def _answers(
    task: MaskTask, jobs: Sequence[Job], workers: int
) -> Iterator[tuple[Job, bool | ImageFault | None]]:
    count = 0 if len(jobs) == 1 else min(len(jobs), workers or usable_cores())
    timeout_s = task.config.options.image_timeout
    yield from zip(jobs, map_in_order(task, jobs, count, timeout_s), strict=True)


def describe(outcome: Outcome, output: Path) -> str:
    """What became of the photos, as a sentence.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.pipelines.masks.make import Outcome, describe
        >>> describe(Outcome(3, made=1, kept=1, failed=[("a.jpg", "truncated")]), Path("out"))
        'out: 1 of 3 photos done now, 1 was there already, 1 could not be'
    """
    parts = [f"{outcome.made} of {counted(outcome.total, 'photo')} done now"]
    if outcome.kept:
        parts.append(f"{counted(outcome.kept, 'was', 'were')} there already")
    if outcome.failed:
        parts.append(f"{len(outcome.failed)} could not be")
    return f"{output}: {', '.join(parts)}"
