"""What a run is told beside its preset, and what of all that must not change when it goes on."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Any

from maskgen.config.bounds import at_least, between
from maskgen.config.claim import check_empty, claim_folder
from maskgen.config.fingerprint import digest
from maskgen.config.options import NewFolder, option, options_of
from maskgen.config.run_config import SAMPLE_BY
from maskgen.errors import UsageError
from maskgen.io.atomic import write_atomic

from .presets import Preset, resolved

FILE = "config.json"
DEVICES = ("cpu", "cuda")
LOADERS = ("auto", "dali", "torch")
RECOMPUTE = ("none", "views", "blocks", "both")
PRECISIONS = ("auto", "fp32", "tf32", "bf16", "fp16")

Config = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Options of `train-ssl` beside the preset.

    Raises:
        UsageError: a value of the wrong type, outside its choices or its bounds.

    Example:
        >>> from pathlib import Path
        >>> from maskgen.trainers import Settings
        >>> Settings(data="shards/", output=Path("run"), device="cuda").chosen_precision
        'bf16'
    """

    data: str = option(
        MISSING,
        "Folder of shards, or its address (s3://..., with --cache); without masks, folder:PATH for a folder "
        "of photos, or a public set, for example stl10:PATH@unlabeled.",
        group="data",
    )
    output: NewFolder = option(MISSING, "Folder of the run.", group="output")
    init: str = option(
        "",
        "Weights that the backbone begins with: all that `eval-ssl --checkpoint` takes.  [default: random]",
        group="data",
    )
    device: str = option(
        "cpu",
        "Device that trains; with torchrun each process takes the GPU of its local rank.",
        group="machine",
        choices=DEVICES,
    )
    loader: str = option(
        "auto", "Loader that makes the views; auto: DALI if installed.", group="machine", choices=LOADERS
    )
    stored_backgrounds: bool = option(
        False,
        "On a CPU, decode the stored backgrounds also where tiled ones could be made anew from the photos.",
        group="machine",
    )
    precision: str = option(
        "auto",
        "Arithmetic of the networks; auto: bf16 on a GPU, fp32 on a CPU.",
        group="machine",
        choices=PRECISIONS,
    )
    seed: int = option(
        0,
        "Seed of the weights, the order and the views.  [default: 0]",
        group="settings",
        bounds=between(0, 2**31),
    )
    accumulate: int = option(
        1,
        "Parts that a batch is computed in, one after the other, to save memory.",
        group="machine",
        bounds=at_least(1),
    )
    joint_loss: bool = option(
        False,
        "With --accumulate, compute the backbone alone in parts: contrast, codes, queues and heads are of "
        "the whole batch.",
        group="machine",
    )
    recompute: str = option(
        "none",
        "What the backward pass computes again in place of keeping it, to save memory: the backbone's pass "
        "of each view, its blocks, or both.",
        group="machine",
        choices=RECOMPUTE,
    )
    channels_last: bool = option(
        False, "Memory format of pictures and weights; faster on GPUs with bf16 or fp16.", group="machine"
    )
    deterministic: bool = option(False, "Bit-equal repeats on a GPU too; slower.", group="machine")
    threads: int = option(2, "CPU threads of the loader.", group="machine", bounds=at_least(1))
    save_every: int = option(
        0, "Steps between checkpoints, beside those at each epoch's end (0: none).", group="safety"
    )
    log_every: int = option(50, "Steps between lines of metrics.", group="log", bounds=at_least(1))
    knn_every: int = option(0, "Epochs between kNN evaluations (0: none).", group="log")
    knn_data: str = option(
        "", "Labeled folder or shards for it.  [default: the training shards]", group="log"
    )
    cam_every: int = option(
        0,
        "Epochs between looks at where the backbone looks: Grad-CAM against the shards' masks (0: none).",
        group="log",
        bounds=at_least(0),
    )
    reliance_every: int = option(
        0,
        "Epochs between looks at how much of two photos' likeness is their backgrounds' (0: none).",
        group="log",
        bounds=at_least(0),
    )
    test_every: int = option(
        1,
        "Epochs between tests of a supervised run's own classifier; 0: only after the last.",
        group="log",
        bounds=at_least(0),
    )
    test_data: str = option(
        "",
        "Labeled folder or shards for it.  [default: up to 10,000 of the training images]",
        group="log",
    )
    tensorboard: bool = option(False, "Also write event files.", group="log")
    on_error: str = option(
        "raise",
        "What damaged samples do: end the run, or be left out.",
        group="safety",
        choices=("raise", "skip"),
    )
    photos: str = option("", "Folder of the originals, for sidecar shards.", group="data")
    cache: str = option("", "Folder that remote shards are fetched into.", group="data")
    shuffle: str = option("global", "Order of the samples: global, or shards:K.", group="data")
    sample: int = option(0, "Train on N samples, drawn from all (0: on all).", group="data")
    sample_by: str = option(
        "images",
        "Of what --sample draws: images, each as likely as any other; classes, as many of each as it allows; "
        "pareto, a long tail of classes.",
        group="data",
        choices=SAMPLE_BY,
    )
    pareto_alpha: float = option(
        6.0, "Alpha of the Pareto law: the larger, the more even.", group="data", bounds=between(0.1, 1000)
    )
    sample_seed: int = option(
        0,
        "Seed of --sample, apart from --seed.  [default: 0]",
        group="data",
        bounds=between(0, 2**31),
    )
    keys: str = option(
        "",
        "File of the samples to train on, or to draw from: one key or one path of a photo a line.",
        group="data",
    )

    def __post_init__(self) -> None:
        for one in options_of(Settings).values():
            one.check(getattr(self, one.name))
        if self.joint_loss and self.accumulate == 1:
            raise UsageError(
                "joint_loss is set, but the batch is computed in one part",
                remedy="--accumulate N, or leave --joint-loss out",
            )

    @property
    def losses(self) -> int:
        """Parts of a batch that have a loss of their own, one after the other."""
        return 1 if self.joint_loss else self.accumulate

    @property
    def chosen_precision(self) -> str:
        """`precision`, or what ``auto`` means here."""
        if self.precision != "auto":
            return self.precision
        return "bf16" if self.device == "cuda" else "fp32"


def config_of(preset: Preset, settings: Settings, *, data: str, order: str, init: str = "") -> Config:
    """Everything that decides which weights come out, but for rounding: JSON values.

    The device, the number of ranks, the loader and the threads are not in it: a run may go on elsewhere.

    Args:
        preset: of the run.
        settings: of the run.
        data: the data set's fingerprint.
        order: how it is shuffled.
        init: SHA-256 of the weights that the backbone begins with; empty: random ones.
    """
    return {
        **({"init": init} if init else {}),
        "preset": resolved(preset),
        "data": data,
        "order": order,
        "seed": settings.seed,
        "precision": settings.chosen_precision,
        "accumulate": settings.accumulate,
        **({"joint_loss": True} if settings.joint_loss else {}),
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
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise UsageError(
            "cannot read the run's configuration",
            where=str(path),
            cause=str(error),
            remedy="give the --output of a train-ssl run",
        ) from error
    if not sound:
        raise UsageError("the run's configuration was changed by hand", where=str(path), remedy="restore it")
    return config
