"""`train-ssl`, and the entry of `eval-ssl`. Nothing heavy is imported before a command runs: `--help` stays fast."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import click

from maskgen.trainers.registry import TRAINER_METHODS

from .. import __version__
from ..errors import UsageError
from .terminal import WIDE, own_options, run_command
from .training_options import FOLDER, Stoppable, require, say_aside

_METHODS = {name: row.summary for name, row in TRAINER_METHODS.items()}
_COMMANDS = {
    "presets": "List the settings of every paper, or show one.",
    "export": "A backbone for torchvision, timm or Detectron2.",
}


class _Methods(Stoppable):
    """One command per method, made when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return [*_METHODS, *_COMMANDS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in _METHODS:
            return _method_command(cmd_name)
        return super().get_command(ctx, cmd_name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        for title, table in (("Methods", _METHODS), ("Other commands", _COMMANDS)):
            with formatter.section(title):
                formatter.write_dl(list(table.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from ..config.suggest import nearest

            raise click.UsageError(
                f"{error.message} ({nearest(args[0], self.list_commands(ctx))})", ctx
            ) from error


@click.group(cls=_Methods, context_settings=WIDE)
@click.version_option(__version__, prog_name="train-ssl")
def train_cli() -> None:
    """Train a backbone without labels, on shards that `maskgen run` made. Run again to go on after an interruption.

    One process per GPU: torchrun --nproc-per-node 8 -m maskgen.trainers METHOD ...

    Exit status: 0 done; 1 the loss became no number, or data are damaged; 2 usage, or a folder with another
    configuration; 3 environment (disk, GPU, package); 75 interrupted by a signal, after a checkpoint.
    """


_RUN_OPTIONS = (
    click.option("--data", required=True, help="Folder of shards, or its address (s3://..., with --cache)."),
    click.option("--preset", required=True, help="Name of the settings, see `train-ssl presets`."),
    click.option("--output", required=True, type=FOLDER, help="Folder of the run."),
    click.option(
        "--set", "changes", multiple=True, metavar="NAME=VALUE", help="Change one setting; may be repeated."
    ),
    click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True),
    click.option(
        "--loader",
        type=click.Choice(["auto", "dali", "torch"]),
        default="auto",
        help="auto: DALI if installed.",
    ),
    click.option(
        "--precision",
        type=click.Choice(["auto", "fp32", "tf32", "bf16", "fp16"]),
        default="auto",
        help="auto: bf16 on a GPU, fp32 on a CPU.",
    ),
    click.option(
        "--seed", type=click.IntRange(0, 2**31), default=0, help="Of weights, order and views.  [default: 0]"
    ),
    click.option(
        "--accumulate",
        type=click.IntRange(1),
        default=1,
        help="Parts that a batch is computed in, to save memory.",
    ),
    click.option("--channels-last", is_flag=True, help="Memory format; faster on GPUs with bf16 or fp16."),
    click.option("--deterministic", is_flag=True, help="Bit-equal repeats on a GPU too; slower."),
    click.option(
        "--threads", type=click.IntRange(1), default=2, show_default=True, help="CPU threads of the loader."
    ),
    click.option(
        "--on-error", type=click.Choice(["raise", "skip"]), default="raise", help="About damaged samples."
    ),
    click.option("--photos", default="", help="Folder of the originals, for sidecar shards."),
    click.option("--cache", default="", help="Folder that remote shards are fetched into."),
    click.option("--shuffle", default="global", show_default=True, help="global, or shards:K."),
    click.option(
        "--save-every",
        type=click.IntRange(0),
        default=0,
        help="Steps between checkpoints, beside each epoch's end.",
    ),
    click.option(
        "--log-every", type=click.IntRange(1), default=50, show_default=True, help="Steps between lines."
    ),
    click.option(
        "--knn-every", type=click.IntRange(0), default=0, help="Epochs between kNN evaluations (0: none)."
    ),
    click.option(
        "--knn-data", default="", help="Labelled folder or shards for it.  [default: the training shards]"
    ),
    click.option("--tensorboard", is_flag=True, help="Also write event files."),
    click.option(
        "--resume",
        type=click.Choice(["auto", "never"]),
        default="auto",
        help="auto: go on from the last checkpoint in the folder; never: refuse a folder that has one.",
    ),
)


def _method_command(method: str) -> click.Command:
    def call(**values: Any) -> None:
        _train(method, **values)

    for option in reversed(_RUN_OPTIONS):
        call = option(call)
    return click.command(method, short_help=_METHODS[method], help=_METHODS[method])(call)


def _train(
    method: str, *, preset: str, changes: tuple[str, ...], resume: str, output: Path, **values: Any
) -> None:
    from maskgen.trainers.presets import find_preset, render, with_overrides
    from maskgen.trainers.settings import FILE, Settings

    chosen = with_overrides(find_preset(method, preset), dict(_assignment(text) for text in changes))
    settings = Settings(output=output, **values)
    if resume == "never" and (output / FILE).exists():
        raise UsageError(
            "the folder holds a run already", where=str(output), remedy="--resume auto, or another folder"
        )
    require("torch")
    from maskgen.trainers.run import train

    if os.environ.get("RANK", "0") == "0":
        click.echo(render(chosen))
        click.echo("\n".join(f"{name} = {value}" for name, value in vars(settings).items()))
    with own_options(batch_size="--set batch_size="):
        train(chosen, settings, say=say_aside, echo=click.echo, stop=click.get_current_context().obj)


def _assignment(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set takes name=value, got {text!r}")
    return name.strip(), value


@train_cli.command("presets")
@click.argument("method", required=False)
@click.argument("name", required=False)
def presets(method: str | None, name: str | None) -> None:
    """List all presets, those of METHOD, or every value of one."""
    from maskgen.trainers.presets import PRESETS, find_preset, fingerprint, render

    if method and name:
        found = find_preset(method, name)
        click.echo(render(found))
        click.echo(f"# fingerprint {fingerprint(found)}")
        return
    if method and method not in PRESETS:
        find_preset(method, "")  # raises, and names the nearest
    for one in [method] if method else PRESETS:
        for label, preset in PRESETS[one].items():
            click.echo(f"{one:10} {label:18} {preset.backbone:9} {preset.epochs:5} epochs  {preset.source}")


@train_cli.command("export")
@click.option(
    "--checkpoint", required=True, type=click.Path(exists=True, path_type=Path), help="File, or run's folder."
)
@click.option(
    "--output", required=True, type=click.Path(dir_okay=False, path_type=Path), help=".safetensors or .pth."
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["torchvision", "timm", "detectron2"]),
    default="torchvision",
    show_default=True,
)
def export(checkpoint: Path, output: Path, kind: str) -> None:
    """Write the backbone for another project: no head, no classifier."""
    require("torch")
    from maskgen.trainers.training.export import export as write

    output.parent.mkdir(parents=True, exist_ok=True)
    for name, value in write(checkpoint, output, kind).items():
        click.echo(f"{name:18} {value}")


def train() -> None:
    """The `train-ssl` command."""
    run_command(train_cli, "train-ssl", sys.argv[1:])


def evaluate() -> None:
    """The `eval-ssl` command."""
    from .eval_ssl import eval_cli

    run_command(eval_cli, "eval-ssl", sys.argv[1:])
