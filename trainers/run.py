"""A whole training run: set up or resume, epochs, checkpoints, metrics, export."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any

import torch

from maskgen.config.fingerprint import digest
from maskgen.errors import ShardFault
from maskgen.loaders import Dataset
from maskgen.loaders.batch import Batch
from maskgen.loaders.dataset.photo_set import PhotoSet
from maskgen.loaders.pixels.normalize import DEVIATION, MEAN, normalize
from maskgen.loaders.torch.photos import PhotoLoader
from maskgen.processes.signals import StopSignals, interrupted

from .data.shards import Loader, chosen_loader, class_names, count_classes, open_loader
from .datasets.photos import open_training
from .distributed.process_group import batchnorm_difference, join_process_group, set_numerics
from .distributed.ranks import all_sum, any_rank, rank, world
from .evaluations.background_monitor import BackgroundMonitor
from .evaluations.cam_monitor import CamMonitor
from .methods import StepOutput
from .presets import Preset
from .pretrained.load import Pretrained, load_pretrained
from .probes.classifying import ClassifierTest
from .probes.monitor import Monitor
from .registry import TRAINER_METHODS
from .settings import Config, Settings, claim, config_of
from .training import checkpoint
from .training.export import export
from .training.log import CollapseAlarm, MetricLog, Record, ReplacedShare, Stopwatch, spread
from .training.memory import joint_loss_difference
from .training.step import Training, prepare, train_step

BACKBONE, CLASSIFIER = "backbone.safetensors", "classifier.safetensors"
_SPREAD_ROWS = 256

Say = Callable[[str], None]


@dataclass
class Run:
    """A training run in its folder; the same object on every rank, but only rank 0 writes."""

    training: Training
    loader: Loader
    config: Config
    monitor: Monitor | None
    test: ClassifierTest | None
    cam: CamMonitor | None
    reliance: BackgroundMonitor | None
    log: MetricLog | None
    say: Say

    def __post_init__(self) -> None:
        self.watch, self.alarm = Stopwatch(), CollapseAlarm()
        self.replaced = ReplacedShare(self.training.preset.views)

    def fit(self, stop: StopSignals) -> None:
        """All steps that are left.

        Raises:
            Interrupted: after a checkpoint, when a signal asked for it on any rank.
        """
        training, rate = self.training, self.training.rate
        while training.step < rate.steps:
            self.loader.set_epoch(training.step // len(self.loader))  # a pass over the data
            for batch in self._timed(iter(self.loader)):
                self._step(batch)
                if any_rank(bool(stop)):
                    self._feature_std(batch)
                    self.save()
                    raise interrupted()
                if rate.ends_epoch(training.step):
                    self._end_epoch()
                if training.step == rate.steps:
                    break

    def _step(self, batch: Batch) -> None:
        training, settings = self.training, self.training.settings
        output = train_step(training, batch)
        self.watch.add(len(batch["label"]) * world())
        self.replaced.add(batch)
        ends = training.rate.ends_epoch(training.step)
        saves = settings.save_every and training.step % settings.save_every == 0 and not ends
        if training.step % settings.log_every == 0 or ends:
            self._record(output, batch)
        elif saves:
            self._feature_std(batch)
        if saves:
            self.save()

    def _end_epoch(self) -> None:
        self.save()
        training = self.training
        epoch, settings = training.progress.epoch, training.settings
        looks = (
            (self.monitor, settings.knn_every),
            (self.test, settings.test_every),
            (self.cam, settings.cam_every),
            (self.reliance, settings.reliance_every),
        )
        for look, every in looks:
            last = training.step == training.rate.steps
            if look is not None and (last or (every and int(epoch) % every == 0)):
                with self.watch.paused():
                    found = look.measure(training.method)
                self._write({"step": training.step, "epoch": epoch, **found})

    def _record(self, output: StepOutput, batch: Batch) -> None:
        training = self.training
        training.check()
        loss = float(all_sum(output.loss) / world())
        rate = training.rate.at(training.step - 1)
        width = self._feature_std(batch)
        record = {"step": training.step, "epoch": training.progress.epoch, "loss": loss, "lr": rate}
        own = {name: float(value) for name, value in output.metrics.items()}
        several = len(batch["label"]) > 1  # one image has no spread
        shown = {"feature_std": width} if several else {}
        self._write({**record, **self.watch.read(), **shown, **own, **self._rare_metrics()})
        if several and self.alarm.observe(width):
            self.say(
                f"train-ssl: warning: the features have collapsed: their spread is {width:.2g} (0 is "
                "all alike)"
            )

    def _rare_metrics(self) -> Record:
        """What is shown only where there is something to show."""
        skipped, scaler = self.loader.skipped, self.training.scaler
        odd: Record = {"skipped": skipped} if skipped else {}
        scale: Record = {"scale": scaler.get_scale()} if scaler.is_enabled() else {}
        return {**self.replaced.read(), **odd, **scale}

    def _feature_std(self, batch: Batch) -> float:
        """The spread of a batch's features on this rank.

        Raises:
            MaskgenError: some features are infinite or no number, on any rank.
        """
        with self.watch.paused():
            width = self._spread(batch)
            if all_sum(torch.tensor(int(not isfinite(width)))):
                raise self.training.divergence_error("the features")
        return width

    @torch.no_grad()
    def _spread(self, batch: Batch) -> float:
        method, training = self.training.method, self.training
        images = normalize(batch["views"][0][:_SPREAD_ROWS].to(training.device))
        was = method.backbone.training
        method.backbone.eval()
        with torch.autocast(training.device.type, training.half, enabled=training.half is not None):
            features = method.features(images)
        method.backbone.train(was)
        return spread(features)

    def save(self) -> None:
        """A checkpoint by rank 0, of finite numbers only; all ranks wait for it.

        Its features were looked at before.
        """
        training = self.training
        training.check(weights=True)
        with self.watch.paused():
            if rank() == 0:
                state = {"config": self.config, **training.state(), "loader": self.loader.state_dict()}
                facts = {"fingerprint": digest(self.config), "epoch": training.progress.epoch}
                checkpoint.save(
                    training.settings.output / checkpoint.FOLDER, training.step, state, facts=facts
                )
            all_sum(torch.zeros(1))

    def resume(self) -> bool:
        """Go on from the newest whole checkpoint; whether there is one. Rank 0 decides which it is."""
        folder = self.training.settings.output / checkpoint.FOLDER
        found = (
            checkpoint.newest(folder, lambda text: self.say(f"train-ssl: warning: {text}"), self._take)
            if rank() == 0
            else None
        )
        chosen = torch.tensor(self.training.step if found else -1)
        if (step := int(all_sum(chosen if rank() == 0 else torch.tensor(0)))) < 0:
            return False
        if found is None:
            self._take(checkpoint.load(checkpoint.path_of(folder, step)))
        return True

    def _take(self, state: checkpoint.State) -> None:
        """Put a checkpoint's content where it belongs; any error says that it is none of this run's."""
        if state["config"] != self.config:
            raise ShardFault("it is another run's: its configuration is not this one's")
        self.training.load(state)
        self.loader.load_state_dict(state["loader"])

    def _timed(self, batches: Iterator[Batch]) -> Iterator[Batch]:
        while True:
            with self.watch.waiting():
                batch = next(batches, None)
            if batch is None:
                return
            yield batch

    def _write(self, record: Record) -> None:
        if self.log is not None:
            self.log.write(record)


def train(
    preset: Preset,
    settings: Settings,
    *,
    say: Say,
    echo: Say = print,
    stop: StopSignals | None = None,
    begin: Callable[[], None] = lambda: None,
) -> None:
    """Run a preset on shards until its end.

    Called again after an interruption, it goes on from the last checkpoint.

    Writes config.json, metrics.jsonl, checkpoints/ and, at the end, backbone.safetensors into
    ``settings.output``; a supervised run also classifier.safetensors.

    Args:
        preset: what to train.
        settings: on what, where and how.
        say: takes warnings and notes.
        echo: takes the lines of metrics.
        stop: listens for signals already.
        begin: called on rank 0 when nothing is left to refuse, before the first step.

    Raises:
        MaskgenError: in all the ways that its kinds describe.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.trainers import Settings, find_preset, train, with_overrides
        >>> preset = with_overrides(find_preset("simclr", "smoke"), {"batch_size": "5", "epochs": "1"})
        >>> settings = Settings(data="shards", output=Path("run"))
        >>> train(preset, settings, say=lambda text: None, echo=lambda line: None)
        >>> sorted(path.name for path in Path("run").iterdir())
        ['backbone.safetensors', 'checkpoints', 'config.json', 'metrics.jsonl']
    """
    with StopSignals() if stop is None else stop as signals, join_process_group(settings.device) as device:
        set_numerics(settings)
        dataset = open_training(settings)
        say = say if rank() == 0 else _silent
        begun = _read_init(preset, settings, say)
        order, init = dataset.order(0, 0).name, begun.facts["checkpoint_sha256"] if begun else ""
        config = config_of(preset, settings, data=dataset.fingerprint, order=order, init=init)
        run = _set_up(dataset, config, device, preset, settings, say)
        if begun is not None:
            run.training.method.begin_with(begun.network.state_dict())
        try:
            _go(run, signals, echo, begin)
        finally:
            run.loader.close()
            if run.log is not None:
                run.log.close()


def _go(run: Run, signals: StopSignals, echo: Say, begin: Callable[[], None]) -> None:
    """From a run's set-up to its export."""
    settings = run.training.settings
    if signals:  # one that an import has swallowed: nothing is written yet
        raise interrupted()
    if rank() == 0:
        claim(settings.output, run.config)
        begin()
    if run.resume():
        step, steps = run.training.step, run.training.rate.steps
        where = "already done: step" if step == steps else "going on from step"
        run.say(f"train-ssl: {where} {step} of {steps}")
    if rank() == 0:
        run.log = _open_log(run, echo)
    if signals:
        raise interrupted()
    signals.patience = 1
    run.fit(signals)
    if rank() == 0:
        export(settings.output, settings.output / BACKBONE, warn=run.say)
        if run.test is not None:
            target = settings.output / CLASSIFIER
            export(settings.output, target, warn=run.say, classes=class_names(run.test.dataset))


def _read_init(preset: Preset, settings: Settings, say: Say) -> Pretrained | None:
    """What the backbone begins with; None: random weights."""
    if not settings.init:
        return None
    found = load_pretrained(settings.init, preset.backbone, seed=settings.seed)
    if json.loads(found.facts["mean"]) != list(MEAN) or json.loads(found.facts["std"]) != list(DEVIATION):
        say(
            "train-ssl: warning: the weights of --init take another input than the views are, with "
            f"mean {found.facts['mean']} and deviation {found.facts['std']} in place of ImageNet's"
        )
    return found


def _silent(_text: str) -> None:
    pass


def _set_up(
    dataset: Dataset | PhotoSet,
    config: Config,
    device: torch.device,
    preset: Preset,
    settings: Settings,
    say: Say,
) -> Run:
    loader = open_loader(dataset, preset, settings, rank=rank(), world=world())
    classes = count_classes(dataset) if TRAINER_METHODS[preset.method].labels else 0
    training = prepare(preset, settings, device, steps_per_epoch=len(loader), classes=classes)
    differences = (
        batchnorm_difference(preset, device.type, world(), settings.accumulate),
        joint_loss_difference(training.method, settings),
    )
    for difference in filter(None, differences):
        say(f"train-ssl: warning: {difference}")
    monitor = Monitor.open(dataset, preset, settings, device) if settings.knn_every else None
    test = ClassifierTest.open(dataset, preset, settings, device) if classes else None
    cam = CamMonitor.open(dataset, preset, settings, device) if settings.cam_every else None
    reliance = BackgroundMonitor.open(dataset, preset, settings, device) if settings.reliance_every else None
    return Run(training, loader, config, monitor, test, cam, reliance, None, say)


def _open_log(run: Run, echo: Say) -> MetricLog:
    training, settings = run.training, run.training.settings
    log = MetricLog(settings.output, step=training.step, tensorboard=settings.tensorboard, echo=echo)
    log.note({"step": training.step, "steps": training.rate.steps, **_hardware(run)})
    return log


def _hardware(run: Run) -> dict[str, Any]:
    training, settings = run.training, run.training.settings
    name = (
        torch.cuda.get_device_name(training.device) if training.device.type == "cuda" else platform.machine()
    )
    return {
        "device": name,
        "ranks": world(),
        "torch": torch.__version__,
        "loader": "torch" if isinstance(run.loader, PhotoLoader) else chosen_loader(settings),
        "precision": settings.chosen_precision,
    }
