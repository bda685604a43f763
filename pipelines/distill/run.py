"""A whole training, step by step: photos, priors, train, fuse, export.

Each step may be called alone and resumes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from maskgen.config.counted import counted
from maskgen.errors import UsageError
from maskgen.processes.cores import usable_cores

from .data import photos, priors
from .progress import Pace, Report
from .results.export import export
from .results.judge import JUDGED, judge
from .settings.settings import RANDOM, Request, Settings, check_dataset, claim, read_settings, resolve_request
from .status import fusion, rounds, steps_done
from .training.phase import Hardware, check_inputs, drop_intermediates, epochs_done, train_phase
from .training.schedule import ScheduledPhase
from .work_folder import SETTINGS, Facts, WorkFolder, open_work_folder

STEPS = ("photos", "priors", "train", "fuse", "export")


@dataclass(frozen=True, slots=True)
class RunHooks:
    """What steers a training without touching its weights.

    Args:
        workers: processes for photos and priors; 0: one per core.
        hardware: what the networks are trained on.
        report: told how far each step is.
        finished: told the name of each step that has ended, and what it has left in words.
        target: where the checkpoint goes; None: into the training's folder.
        min_iou: a student that overlaps less with its teachers on the photos held back is refused.
    """

    workers: int = 0
    hardware: Hardware = field(default_factory=Hardware)
    report: Report = lambda _: None
    finished: Callable[[str, str], None] = lambda _step, _words: None
    target: Path | None = None
    min_iou: float = 0.0

    @property
    def processes(self) -> int:
        """`workers`, or one per core."""
        return self.workers or usable_cores()


def begin(request: Request, command: str = "") -> tuple[WorkFolder, Settings, tuple[str, ...]]:
    """The training that a request asks for: a new one, or the one in its folder.

    Where the request names nothing but the folder, the training in it goes on as it was begun.

    Args:
        request: what the user gave.
        command: the user's own words, kept with the weights.

    Returns:
        The folder, its settings, and what its sources have left out.

    Raises:
        UsageError: too few photos, an unknown name, no input, or other settings than the folder's.
        EnvironmentFault: the disk is too small, or a package is not installed.
    """
    if request == Request(output=request.output) and (request.output / SETTINGS).is_file():
        work = open_work_folder(request.output)
        return work, read_settings(work), ()
    kind = check_dataset(request.dataset or "folder")
    if not request.inputs and kind != "sample":
        raise UsageError("a training needs --input", remedy="give the folder or file of the photos")
    trial = resolve_request(request, {})
    found = photos.draw(photos.configs(request.inputs, kind, trial.split), trial.seed, trial.preset.images)
    settings = replace(trial, source=found.source, command=command)
    photos.check_listed(found.source, settings)
    notes = list(found.notes)
    if found.source["photos"] < settings.preset.images:
        notes.append(
            f"the inputs list {counted(found.source['photos'], 'photo')}, the preset takes "
            f"{settings.preset.images}: all are used"
        )
    return claim(settings, request.output, _network_values(settings)), settings, tuple(notes)


def _network_values(settings: Settings) -> int:
    """How many values the network has.

    An unknown one, or an encoder that does not fit, is refused now, not hours later.
    """
    from .training.networks import build, put_start, read_start

    name = settings.preset.network
    network = build(name)
    if settings.init != RANDOM:
        put_start(network, read_start(Path(settings.init), name), name)
    return sum(value.numel() for value in network.state_dict().values())


def run(work: WorkFolder, settings: Settings, steps: tuple[str, ...], hooks: RunHooks) -> None:
    """Do steps of a training, those that are done already in no time.

    Args:
        work: the training's folder.
        settings: of the training.
        steps: of `STEPS`, in their order.
        hooks: processes, device, reports.

    Raises:
        UsageError: a step before these is not done, or another process works in the folder.
        MaskgenError: what the steps raise.
    """
    with work.alone():
        work.begin()
        for step in steps:
            _require(work, settings, step)
            _DO[step](work, settings, hooks)
            hooks.finished(step, _words(work, settings, step))


def _photos(work: WorkFolder, settings: Settings, hooks: RunHooks) -> None:
    if not work.is_done(photos.RECORD):
        photos.gather(work, settings, hooks.processes, hooks.report)


def _priors(work: WorkFolder, settings: Settings, hooks: RunHooks) -> None:
    if not work.is_done(priors.RECORD):
        priors.compute(work, settings, hooks.processes, hooks.report)


def _train(work: WorkFolder, settings: Settings, hooks: RunHooks) -> None:
    _learn(work, settings, rounds(work, settings), "train", hooks)


def _fuse(work: WorkFolder, settings: Settings, hooks: RunHooks) -> None:
    _learn(work, settings, [fusion(work, settings)], "fuse", hooks)
    drop_intermediates(work)  # also what a kill just before this line has left


def _learn(
    work: WorkFolder, settings: Settings, trainings: list[ScheduledPhase], step: str, hooks: RunHooks
) -> None:
    if all(work.is_done(training.name) for training in trainings):
        return
    from .training.checkpoints import prepare_torch

    prepare_torch(hooks.hardware.device, hooks.hardware.threads)
    check_inputs(work, settings)
    total = sum(training.phase.epochs for training in trainings)
    pace = Pace(step, "epochs", total, hooks.report, sum(epochs_done(work, one) for one in trainings))
    for training in trainings:
        train_phase(work, settings, training, hooks.hardware, hooks.processes, pace)


def _export(work: WorkFolder, settings: Settings, hooks: RunHooks) -> None:
    if settings.teachers:
        judge(work, settings, hooks.min_iou)
    export(work, settings, hooks.target, half=settings.method == "student")


_DO: dict[str, Callable[[WorkFolder, Settings, RunHooks], None]] = {
    "photos": _photos,
    "priors": _priors,
    "train": _train,
    "fuse": _fuse,
    "export": _export,
}


def _require(work: WorkFolder, settings: Settings, step: str) -> None:
    done = steps_done(work, settings)
    for before in STEPS[: STEPS.index(step)]:
        if not done[before]:
            raise UsageError(
                f"the step {step} needs the step {before}, which is not done",
                where=str(work.root),
                remedy=f"maskgen distill --output {work.root}"
                if settings.teachers
                else f"maskgen deepusps {before} {work.root}",
            )


def _words(work: WorkFolder, settings: Settings, step: str) -> str:
    """What a finished step has left."""
    if step == "photos":
        record: Facts = work.record(photos.RECORD) or {}
        return f"{len(record['photos'])} photos, {len(record['skipped'])} skipped"
    if step == "priors":
        record = work.record(priors.RECORD) or {}
        means = ", ".join(f"{name} {mean:.3f}" for name, mean in record["means"].items())
        held = f", {len(record['held'])} held back" if record["held"] else ""
        if record.get("disputed"):
            held += f", {len(record['disputed'])} left out on which teachers disagree"
        return f"{len(record['kept'])} photos{held}, {len(record['failed'])} failed; mean {means}"
    if step == "train":
        return f"{len(rounds(work, settings))} rounds"
    if step == "fuse":
        last = (work.record(fusion(work, settings).name) or {})["epochs"][-1]
        return f"loss {last['loss']:.3f}, agreement {last['agreement']:.3f}"
    judged = work.record(JUDGED) or {}
    if "iou" in judged:
        times = f", {judged['times']:.0f} times as fast" if "times" in judged else ""
        return f"IoU with the teachers {judged['iou']:.3f} on {judged['photos']} photos held back{times}"
    return "the checkpoint is written"
