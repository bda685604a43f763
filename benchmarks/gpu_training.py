"""Steps of a MoCo v2 training, on one batch over and over or behind a loader."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from maskgen.loaders import Dataset
from maskgen.processes.cores import usable_cores
from maskgen.trainers import Settings, find_preset
from maskgen.trainers.data.shards import open_loader
from maskgen.trainers.distributed.process_group import join_process_group, set_numerics
from maskgen.trainers.training.log import Stopwatch
from maskgen.trainers.training.step import prepare, train_step

WARM_UP = 3


class Steps:
    """A training that is measured and not kept.

    Args:
        dataset: shards.
        preset: of MoCo v2.
        batch_size: in place of the preset's.
        device: ``cpu`` or ``cuda``.
        work: a folder that is there; nothing is written into it.
    """

    def __init__(self, dataset: Dataset, preset: str, batch_size: int, device: str, work: Path) -> None:
        self._dataset = dataset
        self._preset = replace(find_preset("mocov2", preset), batch_size=batch_size, bn_groups=1)
        self._settings = Settings(
            data=str(dataset.path),
            output=work / "unused",
            device=device,
            channels_last=True,
            threads=usable_cores(),
            on_error="skip",
        )
        set_numerics(self._settings)
        self._training = self._prepare()

    def _prepare(self) -> Any:
        with join_process_group(self._settings.device) as device:
            return prepare(self._preset, self._settings, device, steps_per_epoch=1000, classes=0)

    @property
    def description(self) -> str:
        """The network, the arithmetic and the batch."""
        preset, settings = self._preset, self._settings
        return f"{preset.backbone}, {settings.chosen_precision}, channels last, batch {preset.batch_size}"

    def alone(self, recipe: str, steps: int) -> float:
        """Images per second of the training without a loader: one batch that lies on the device.

        Args:
            recipe: of the views.
            steps: that are timed.
        """
        loader = self._open("torch", recipe)
        batch = next(iter(loader))
        loader.close()
        for _ in range(WARM_UP):
            train_step(self._training, batch)
        self._wait()
        started = time.perf_counter()
        for _ in range(steps):
            train_step(self._training, batch)
        self._wait()
        return steps * len(batch["label"]) / (time.perf_counter() - started)

    def behind(self, kind: str, recipe: str, steps: int) -> tuple[float, float]:
        """Images per second behind a loader, and the share of the time that was waited for batches.

        Args:
            kind: ``dali`` or ``torch``.
            recipe: of the views.
            steps: that are timed.
        """
        loader = self._open(kind, recipe)
        batches = _endless(loader)
        for _ in range(WARM_UP):
            train_step(self._training, next(batches))
        self._wait()
        watch = Stopwatch()
        for _ in range(steps):
            with watch.waiting():
                batch = next(batches)
            train_step(self._training, batch)
            watch.add(len(batch["label"]))
        self._wait()
        read = watch.read()
        batches.close()
        loader.close()
        return read["images_s"], read["wait"]

    def _open(self, kind: str, recipe: str) -> Any:
        preset = replace(self._preset, recipe=recipe)
        return open_loader(self._dataset, preset, replace(self._settings, loader=kind), rank=0, world=1)

    def _wait(self) -> None:
        if self._training.device.type == "cuda":
            torch.cuda.synchronize()


def _endless(loader: Any) -> Any:
    while True:
        yield from loader
