"""What a run is told beside its preset, and what of all that must not change when it goes on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from maskgen.config.claim import check_empty, claim_folder
from maskgen.config.fingerprint import digest
from maskgen.errors import UsageError
from maskgen.io.atomic import write_atomic

from .presets import Preset, resolved

FILE = "config.json"
DEVICES = ("cpu", "cuda")
LOADERS = ("auto", "dali", "torch")
PRECISIONS = ("auto", "fp32", "tf32", "bf16", "fp16")

Config = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of `train-ssl` beside the preset.

    Args:
        data: folder of shards, or its address in an object store.
        output: folder of the run.
        device: ``cpu`` or ``cuda``; with torchrun each process takes the GPU of its local rank.
        loader: ``dali``, ``torch``, or ``auto``: DALI where it is installed.
        precision: ``auto`` is bf16 on a GPU and fp32 on a CPU.
        seed: of the weights, the order and all views.
        accumulate: parts that a rank's batch is computed in, one after the other, to save memory.
        channels_last: memory format of pictures and weights.
        deterministic: only algorithms whose sums have a fixed order; slower on a GPU.
        threads: CPU threads of the loader.
        save_every: steps between checkpoints; there is one at the end of every epoch anyhow. 0: no others.
        log_every: steps between lines of metrics.
        knn_every: epochs between kNN evaluations; 0: none.
        knn_data: labelled folder or shards to evaluate on; empty: the training shards, leaving one out.
        tensorboard: also write event files.
        on_error: ``raise``, or ``skip`` damaged samples.
        photos: folder of the originals of sidecar shards.
        cache: folder that remote shards are fetched into.
        shuffle: ``global`` or ``shards:K``, see `maskgen.loaders.open_dataset`.
    """

    data: str
    output: Path
    device: str = "cpu"
    loader: str = "auto"
    precision: str = "auto"
    seed: int = 0
    accumulate: int = 1
    channels_last: bool = False
    deterministic: bool = False
    threads: int = 2
    save_every: int = 0
    log_every: int = 50
    knn_every: int = 0
    knn_data: str = ""
    tensorboard: bool = False
    on_error: str = "raise"
    photos: str = ""
    cache: str = ""
    shuffle: str = "global"

    @property
    def chosen_precision(self) -> str:
        """`precision`, or what ``auto`` means here."""
        if self.precision != "auto":
            return self.precision
        return "bf16" if self.device == "cuda" else "fp32"


def config_of(preset: Preset, settings: Settings, *, data: str, order: str) -> Config:
    """Everything that decides which weights come out, but for rounding: JSON values.

    The device, the number of ranks, the loader and the threads are not in it: a run may go on elsewhere.

    Args:
        preset: of the run.
        settings: of the run.
        data: the data set's fingerprint.
        order: how it is shuffled.
    """
    return {
        "preset": resolved(preset),
        "data": data,
        "order": order,
        "seed": settings.seed,
        "precision": settings.chosen_precision,
        "accumulate": settings.accumulate,
        "on_error": settings.on_error,
    }


def claim(folder: Path, config: Config) -> bool:
    """Write the configuration into the run's folder, or find that it is there already.

    Returns:
        Whether it was there: the run is to go on.

    Raises:
        UsageError: the folder holds a run with another configuration, or files that are no run's.
    """
    path = folder / FILE
    resumed = claim_folder(
        folder,
        config,
        lambda: read_config(folder) if path.exists() else None,
        check_free=lambda: check_empty(folder, "run"),
    )
    if not resumed:
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"fingerprint": digest(config), "config": config}, indent=1, sort_keys=True)
        write_atomic(path, (text + "\n").encode())
    return resumed


def read_config(folder: Path) -> Config:
    """The configuration of the run in a folder.

    Raises:
        UsageError: there is none, or it was edited.
    """
    path = folder / FILE
    try:
        stored = json.loads(path.read_text())
        config: Config = stored["config"]
        sound = stored["fingerprint"] == digest(config)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError("cannot read the run's configuration", where=str(path), cause=str(error)) from error
    if not sound:
        raise UsageError("the run's configuration was changed by hand", where=str(path), remedy="restore it")
    return config
