"""`eval-ssl robust`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import click

from maskgen.config.options import ExistingFile, ExistingFolder, option

from ..options import Spelling, click_command, nested
from .classifier import ClassifierOptions, judge
from .task import list_table


def _describe(name: str, kind: Any) -> str:
    return f"{name:12} {kind.text}"


_list_sets = list_table("evaluations.robust.sets.kinds", "KINDS", _describe)


@dataclass(frozen=True, kw_only=True)
class RobustOptions:
    """Options of `eval-ssl robust`."""

    classifier: ClassifierOptions = nested(ClassifierOptions)
    sets: Annotated[tuple[str, ...], Spelling(flag="--set", metavar="KIND=FOLDER")] = option(
        (), "A set and the folder that it lies in, see --list; may be given several times.", group="data"
    )
    real_labels: ExistingFile | None = option(
        None, "ReaL's labels.  [default: real.json beside the photos]", group="data"
    )
    challenge: ExistingFolder | None = option(
        None,
        "ImageNet-9's folder: the share of its foregrounds that none of its backgrounds hides.",
        group="data",
    )
    masks: ExistingFolder | None = option(
        None,
        "Masks of ImageNet-A's photos, for a-fg: shards, or pictures laid out as the photos.",
        group="data",
    )
    fill: str = option(
        "black", "What is put in the place of backgrounds.", group="settings", choices=("black", "gray")
    )
    partial: bool = option(False, "Judge what there is of a set that is not whole.", group="safety")
    listed: Annotated[bool, Spelling(flag="--list", show=_list_sets)] = option(False, "List the sets.")


@click_command("robust", RobustOptions)
def command(options: RobustOptions) -> None:
    """Accuracy of a finished classifier on ImageNet's variants, each as its paper counts it."""
    if not options.sets and options.challenge is None:
        raise click.UsageError("give at least one --set KIND=FOLDER; --list names the kinds")

    def work(config: Any, stop: Any) -> dict[str, Any]:
        from maskgen.trainers.evaluations.robust.run import RobustConfig, run_robust
        from maskgen.trainers.evaluations.robust.sets.kinds import parse_set

        asked = RobustConfig(
            probe=config,
            head=options.classifier.head,
            sets=[parse_set(one) for one in options.sets],
            names=options.classifier.classes,
            partial=options.partial,
            real_labels=options.real_labels,
            challenge=options.challenge,
            masks=options.masks,
            fill={"black": 0, "gray": 128}[options.fill],
        )
        return run_robust(asked, say=click.echo, stop=stop)

    judge(work, options.classifier)
