"""`train-ssl`, and the entry of `eval-ssl`.

Nothing heavy is imported before a command runs: `--help` stays fast.
"""

from __future__ import annotations

import os
import sys
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from maskgen.trainers.registry import TRAINER_METHODS

from ..config.options import ExistingPath, NewFile, option, split_assignment
from ..errors import ShardFault, UsageError
from ..shards.naming import MANIFEST
from ..version import __version__
from .groups import ListedGroup, StoppableGroup
from .options import Spelling, click_command, make_command
from .terminal import WIDE, echo_err, own_options, require_package, run_command

if TYPE_CHECKING:
    from .train_options import TrainOptions


class _TrainGroup(StoppableGroup, ListedGroup):
    """Methods and other commands, ended by a signal."""


def _load(name: str) -> click.Command:
    if name == "sweep":  # of its own parts nothing is imported before
        from .sweep import command

        return command
    if name not in TRAINER_METHODS:
        return _OTHERS[name]
    # trainers.settings is imported for a method's command only, so that the list of methods comes at once
    from .train_options import TrainOptions

    def call(options: TrainOptions) -> None:
        _train(name, options)

    return make_command(name, TrainOptions, call, TRAINER_METHODS[name].summary)


_SECTIONS = {
    "Methods": {name: row.summary for name, row in TRAINER_METHODS.items()},
    "Other commands": {
        "sweep": "All trainings of a paper's table with their evaluations; run again to resume.",
        "presets": "List the settings of every paper, or show one.",
        "export": "Write a backbone for torchvision, timm, Detectron2 or MMSegmentation.",
    },
}


@click.group(cls=_TrainGroup, sections=_SECTIONS, load=_load, context_settings=WIDE)
@click.version_option(__version__, prog_name="train-ssl")
def train_cli() -> None:
    """Train a backbone, on shards that `maskgen run` made or on plain photos. The same command resumes it.

    One process per GPU: torchrun --nproc-per-node 8 -m maskgen.trainers METHOD ...

    Exit status: 0 done; 1 the loss is not a number any more, or data are damaged; 2 usage, or a folder with
    another configuration; 3 environment (disk, GPU, package); 75 interrupted by a signal, after a checkpoint.
    """


@dataclass(frozen=True, kw_only=True)
class PresetsOptions:
    """Options of `train-ssl presets`."""

    method: Annotated[str | None, Spelling(argument=True)] = option(None, "Only the presets of this method.")
    name: Annotated[str | None, Spelling(argument=True)] = option(None, "Every value of this preset.")


@dataclass(frozen=True, kw_only=True)
class ExportOptions:
    """Options of `train-ssl export`."""

    checkpoint: ExistingPath = option(MISSING, "A checkpoint, or a run's folder.")
    output: NewFile = option(MISSING, "The .safetensors or .pth file to write.")
    form: Annotated[str, Spelling(flag="--format")] = option(
        "torchvision", "For which library.", choices=("torchvision", "timm", "detectron2", "mmseg")
    )
    classifier: bool = option(False, "With the classifier of a supervised run: a whole model.")


@click_command("presets", PresetsOptions)
def presets(options: PresetsOptions) -> None:
    """List all presets, those of METHOD, or every value of one."""
    from maskgen.trainers.presets import PRESETS, find_preset, fingerprint, render

    method, name = options.method, options.name
    if method and name:
        found = find_preset(method, name)
        click.echo(render(found))
        click.echo(f"# fingerprint {fingerprint(found)}")
        return
    if method and method not in PRESETS:
        find_preset(method, "")  # raises, and names the nearest
    listed = [
        (one, label, preset)
        for one in ([method] if method else PRESETS)
        for label, preset in PRESETS[one].items()
    ]
    wide = max(len(label) for _, label, _ in listed)
    deep = max(len(preset.backbone) for _, _, preset in listed)
    for one, label, preset in listed:
        click.echo(
            f"{one:10} {label:{wide}} {preset.backbone:{deep}} {preset.epochs:5} epochs  {preset.source}"
        )


@click_command("export", ExportOptions)
def export(options: ExportOptions) -> None:
    """Write the backbone for another project: no head, and no classifier unless asked for."""
    require_package("torch")
    from maskgen.trainers.training.export import export as write

    options.output.parent.mkdir(parents=True, exist_ok=True)
    classes: dict[int, str] | None = {} if options.classifier else None
    for name, value in write(options.checkpoint, options.output, options.form, classes=classes).items():
        click.echo(f"{name:18} {value}")


_OTHERS = {"presets": presets, "export": export}


def _train(method: str, options: TrainOptions) -> None:
    from maskgen.trainers.datasets.public.place import parse_kind
    from maskgen.trainers.presets import find_preset, render, with_overrides
    from maskgen.trainers.settings import FILE

    settings = options.settings
    views = {"recipe": options.recipe} if options.recipe else {}
    changes = {**views, **dict(split_assignment(text) for text in options.changes)}
    chosen = with_overrides(find_preset(method, options.preset), changes)
    if options.resume == "never" and (settings.output / FILE).exists():
        raise UsageError(
            "the folder holds a run already",
            where=str(settings.output),
            remedy="--resume auto, or another folder",
        )
    if parse_kind(settings.data) is None and "://" not in settings.data:
        _check_shards(Path(settings.data))
    require_package("torch")
    from maskgen.trainers.run import BACKBONE, train

    def tell() -> None:
        click.echo(render(chosen))
        click.echo("\n".join(f"{name} = {value}" for name, value in vars(settings).items()))

    with own_options(batch_size="--set batch_size="):
        stop = click.get_current_context().obj
        train(chosen, settings, say=echo_err, echo=click.echo, stop=stop, begin=tell)
    if os.environ.get("RANK", "0") == "0":
        echo_err(f"train-ssl: done, the backbone is {settings.output / BACKBONE}")


def _check_shards(folder: Path) -> None:
    """Tell of a wrong folder before torch and DALI load."""
    from maskgen.loaders.dataset.indexed import read_ended

    try:
        read_ended(folder)
    except ShardFault as fault:
        if not folder.is_dir() or (folder / MANIFEST).exists():
            raise
        remedy = f"{fault.remedy}; for plain photos, without masks: --data folder:{folder}"
        raise ShardFault(fault.what, where=fault.where, cause=fault.cause, remedy=remedy) from fault


def train() -> None:
    """The `train-ssl` command."""
    run_command(train_cli, "train-ssl", sys.argv[1:])


def evaluate() -> None:
    """The `eval-ssl` command."""
    from .eval_ssl import eval_cli

    run_command(eval_cli, "eval-ssl", sys.argv[1:])
