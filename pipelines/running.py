"""A whole run: plan, resume, execute, merge the manifest, judge the failures."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from maskgen.config.counted import counted
from maskgen.config.run_config import RunConfig, is_over_budget
from maskgen.errors import EXIT_DONE, EXIT_FAULTS, MaskgenError, ShardFault
from maskgen.io.atomic import sweep_partials
from maskgen.io.storage.location import Location, open_location
from maskgen.processes.cores import usable_cores
from maskgen.processes.signals import StopSignals
from maskgen.shards import manifest, naming, table
from maskgen.shards.destination import Destination, open_destination
from maskgen.shards.kept import drop_committed, keep
from maskgen.shards.plan import Plan, read_plan
from maskgen.shards.record import Record, read_records

from .executors.cluster import RayExecutor
from .executors.executor import State
from .executors.local import LocalExecutor
from .log import append_log
from .model.precision import check_precision_of
from .planning import TRUSTED, PlannedRun, check_apart, entered
from .resolve import ResolvedConfig, resolve
from .shard.make import ShardJob, ShardResult
from .shard.stages import Stages
from .shard.worker import StagesFactory
from .source_check import Places, check_there, name_some, note_touched
from .sources import source_root

OTHERS = (
    "other tasks have shards to make: the last one to end writes manifest.json, and maskgen status says what "
    "is missing"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is.

    Args:
        planned: images of this run's shards.
        done: finished or quarantined images, those of earlier runs included.
        failed: quarantined images of committed shards.
        resumed: images that earlier runs had finished.
        seconds: since the first worker started.
        device_use: share of that time that each device was busy: that of the model processes, or of the
            cores.
        node_rates: images per second by node; empty for a run on one machine.
    """

    planned: int
    done: int
    failed: int
    resumed: int
    seconds: float
    device_use: dict[str, float] = field(default_factory=dict)
    node_rates: dict[str, float] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        """Images per second of this run."""
        return (self.done - self.resumed) / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run has done.

    Args:
        manifest: of the data set; of a task that is not the last to end, what is known of its own shards.
        progress: how far the run came.
        exit_code: of the command.
        seconds_by_stage: the workers' time.
        workers: most processes at a time.
        notes: what a user should know, as sentences.
    """

    manifest: manifest.Manifest
    progress: Progress
    exit_code: int
    seconds_by_stage: dict[str, float]
    workers: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What steers a run without touching its bytes.

    Args:
        retry_failed: make the shards that hold quarantined images again.
        recheck: list the source again, and refuse it when it is no longer the planned one; else a plan in the
            output folder is trusted.
        task: (i, n): make only the shards whose number is i modulo n.
        make_stages: builds the stages in the workers.
        report: called about twice a second.
        say: told what a user should know at once, as a sentence.
        stop: signals that the caller listens to already; None to listen here.
        fetching: told how far a download of weights is: bytes received and expected; (0, 0) while another
            process fetches them.
    """

    retry_failed: bool = False
    recheck: bool = False
    task: tuple[int, int] = (0, 1)
    make_stages: StagesFactory = Stages
    report: Callable[[Progress], None] = lambda _: None
    say: Callable[[str], None] = lambda _: None
    stop: StopSignals | None = None
    fetching: Callable[[int, int], None] | None = None


def run(config: RunConfig, options: RunOptions | None = None) -> Outcome:
    """Make every shard of the plan that is not committed yet. Run again to resume.

    Raises:
        UsageError: other settings than those the folder was made with.
        EnvironmentFault: disk, package, GPU.
        Interrupted: a signal; what is committed stays.
    """
    options = options or RunOptions()
    with StopSignals() if options.stop is None else options.stop as stop:
        return _run(config, options, stop)


def _run(wanted: RunConfig, options: RunOptions, stop: StopSignals) -> Outcome:
    check_apart(wanted)
    with open_destination(wanted.output, options.task) as destination:
        return _run_to(destination, wanted, options, stop)


def _run_to(destination: Destination, wanted: RunConfig, options: RunOptions, stop: StopSignals) -> Outcome:
    output = destination.folder
    config = resolve(replace(wanted, output=str(output)), options.fetching)
    rows = destination.target.rows(output)
    with entered(config, rows, recheck=options.recheck) as (run, is_alone):
        return _make(run, destination, options, stop, is_alone)


def _make(
    run: PlannedRun,
    destination: Destination,
    options: RunOptions,
    stop: StopSignals,
    is_alone: Callable[[], bool],
) -> Outcome:
    config, plan, output = run.config, run.settle(), destination.folder
    wanted, rows = config.options, destination.target.rows(output)
    fingerprint = plan.fingerprint
    own = [
        ShardJob(
            output,
            number,
            shard.name,
            plan.members,
            fingerprint,
            target=destination.target,
            rows_digest=shard.digest,
        )
        for number, shard in enumerate(plan.shards)
        if number % options.task[1] == options.task[0]
    ]
    names = {job.name for job in own} if options.task[1] > 1 else None
    tally = _Tally(
        sum(plan.shards[job.number].images for job in own),
        options,
        _committed(destination, plan, names, retry=options.retry_failed),
    )
    jobs = [job for job in own if job.name not in tally.records]
    done = {job.number: tally.records[job.name] for job in own if job.name in tally.records}
    if run.is_trusted:
        check_there(source_root(wanted), rows, [job.number for job in jobs])
        tally.notes.append(TRUSTED)
    places = Places(source_root(wanted), output, rows, destination.location)
    tally.notes += note_touched(places, plan, done)
    try:
        if jobs:
            tally.notes += _note_joined(config, rows, jobs)
            check_precision_of(config, output)
        destination.claim(plan)
        stop.patience = math.inf
        for result in _executor(config, options, tally, lambda: stop.count, len(jobs)).run(jobs):
            tally.add(result, output)
        tally.state = replace(tally.state, finished=0, kept=0)  # what it counted is in the records now
    except MaskgenError:
        _sweep(output)  # a full disk gets back what the killed workers had written
        if not run.is_trusted:
            _forget_a_run_that_made_nothing(output, is_alone)
        raise
    finally:
        is_written = _end(destination, plan, options)
    if not is_written:
        tally.notes.append(OTHERS)
    whole = manifest.read(output) if is_written else manifest.build(output, plan, names)
    return Outcome(
        whole,
        tally.progress(),
        _verdict(wanted.max_failures, whole),
        tally.seconds,
        max(1, tally.workers),
        (*plan.notes, *tally.notes, *_note_resized(tally.resized)),
    )


def _note_joined(config: ResolvedConfig, rows: Location, jobs: list[ShardJob]) -> list[str]:
    if config.masks is None:
        return []
    from .given.joined import check_joined  # it brings what reads shards

    options = config.options
    spare = options.missing == "empty" or not is_over_budget(options.max_failures, 1, 1)
    note = check_joined(config.masks, rows, [job.number for job in jobs], spare=spare)
    return [note] if note else []


def _executor(
    config: ResolvedConfig, options: RunOptions, tally: _Tally, stop: Callable[[], int], jobs: int
) -> LocalExecutor | RayExecutor:
    """What makes the shards."""
    if config.options.executor == "ray":
        workers = config.options.workers
        return RayExecutor(config, workers, options.make_stages, tally.tick, stop, options.say)
    workers = min(config.options.workers or usable_cores(), max(1, jobs))
    return LocalExecutor(config, workers, options.make_stages, tally.tick, stop)


def _end(destination: Destination, plan: Plan, options: RunOptions) -> bool:
    """Leave no partial file, and a manifest of what is committed, however the run has ended.

    Of the tasks of an array only one that finds every shard committed writes it, as it takes reading the
    records of all of them. A task looks after it has committed its last shard, so of all tasks the last one
    finds them all, or the last two both do; where that one is killed, any task that is run again does.

    Returns:
        Whether it was written.
    """
    output = destination.folder
    keep(output)
    drop_committed(output)
    _sweep(output)
    if not (output / naming.PLAN).exists():
        return False
    is_written = options.task[1] == 1 or options.retry_failed or destination.is_complete(plan)
    if is_written:
        destination.write_manifest(plan)
    destination.send_log()
    return is_written


def _sweep(output: Path) -> None:
    sweep_partials(output)
    sweep_partials(output / naming.RECORDS)


def _forget_a_run_that_made_nothing(output: Path, is_alone: Callable[[], bool]) -> None:
    """Without its plan the folder is free for a run with the right weights or precision.

    Another run may be on its first shard, by the same plan: then the plan stays.
    """
    if not is_alone():
        return
    made = [path for suffix in naming.SUFFIXES for path in output.glob(f"*.{suffix}")]
    made += [*(output / naming.RECORDS).glob("*.json"), *output.glob(".*.kept")]
    if any(path.name != naming.WHOLE_PLAN_TABLE for path in made):
        return
    for name in (naming.MANIFEST, *naming.PLAN_FILES):
        (output / name).unlink(missing_ok=True)


@dataclass
class _Tally:
    """The run's counts as shards come in."""

    planned: int
    options: RunOptions
    records: dict[str, Record]
    started: float = field(default_factory=time.monotonic)
    seconds: dict[str, float] = field(default_factory=dict)
    resumed: int = 0
    done: int = 0
    failed: int = 0
    workers: int = 0
    resized: int = 0
    state: State = field(default_factory=State)
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for record in self.records.values():
            self._count(record)
        self.resumed = self.done

    def _count(self, record: Record) -> None:
        self.done += record.samples + record.failed
        self.failed += record.failed

    def add(self, result: ShardResult, output: Path) -> None:
        self._count(result.record)
        self.resumed += result.kept
        self.resized += result.resized
        for stage, seconds in result.seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + seconds
        if result.changed:
            shard, count = result.record.name, len(result.changed)
            self.notes.append(
                f"in {shard} {counted(count, 'photo is', 'photos are')} not what it was made of before "
                f"({name_some(result.changed)})"
            )
        _log(output, result)

    def progress(self) -> Progress:
        seconds = time.monotonic() - self.started
        state = self.state
        return Progress(
            self.planned,
            self.done + state.finished,
            self.failed,
            self.resumed + state.kept,
            seconds,
            state.device_use,
            state.node_rates,
        )

    def tick(self, state: State) -> None:
        self.state = state
        self.workers = max(self.workers, state.workers)
        self.options.report(self.progress())


def _committed(
    destination: Destination, plan: Plan, names: set[str] | None, *, retry: bool
) -> dict[str, Record]:
    """Records of the shards that are done.

    Args:
        destination: it.
        plan: of the run.
        names: of the run's own shards; None for all.
        retry: whether those with failures are withdrawn.
    """
    done = {}
    fingerprint = plan.fingerprint
    for record in read_records(destination.folder, names):
        if record.fingerprint != fingerprint:
            raise ShardFault(
                "a commit record is of another run", where=record.name, remedy="maskgen verify --repair"
            )
        if record.failed and retry:
            destination.withdraw(record.name)
        else:
            done[record.name] = record
    destination.check_sizes(done.values())
    return done


def _note_resized(count: int) -> list[str]:
    masks = counted(count, "mask had another size than its photo", "masks had another size than their photos")
    return [f"{masks}, and {'was' if count == 1 else 'were'} resized"] if count else []


def _log(output: Path, result: ShardResult) -> None:
    facts: dict[str, Any] = {
        "shard": result.record.name,
        "samples": result.record.samples,
        "failed": result.record.failed,
        "kept": result.kept,
        "seconds": {stage: round(value, 3) for stage, value in result.seconds.items()},
    }
    if result.resized:
        facts["resized_masks"] = result.resized
    if result.changed:
        facts["changed_photos"] = result.changed
    append_log(output, facts)


def _verdict(max_failures: str, whole: manifest.Manifest) -> int:
    over = is_over_budget(max_failures, whole.failed, whole.planned)
    return EXIT_FAULTS if over else EXIT_DONE


def failures(output: str | Location) -> Iterator[dict[str, str]]:
    """Every quarantined image of a data set: shard, key, path and error.

    Args:
        output: the data set's folder, or its address in an object store.

    Raises:
        ShardFault: a record or a table is damaged.
    """
    output = open_location(output)
    for record in manifest.build(output, read_plan(output)).shards:
        if record.failed:
            rows = table.read(
                output / f"{record.name}.parquet", ["key", "path", "status", "error"]
            ).to_pylist()
            for row in rows:
                if row["status"] == "failed":
                    yield {
                        "shard": record.name,
                        "key": row["key"],
                        "path": row["path"],
                        "error": row["error"],
                    }
