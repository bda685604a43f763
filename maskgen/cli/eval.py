"""`maskgen eval`."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import Interrupted
from .options import OutputFile, json_option
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..evaluation.evaluate import Evaluation
    from ..evaluation.pairs import MaskSet, Pairing

F = TypeVar("F", bound=Callable[..., Any])


def measure_options(function: F) -> F:
    """The options that `eval` and `compare` share; they change which pairs are held against each other, and how."""
    options = (
        click.option(
            "--truth",
            required=True,
            type=click.Path(exists=True, path_type=Path),
            help="Folder of masks (foreground above 128), or a COCO instances_*.json.",
        ),
        click.option(
            "--binarise-at",
            "threshold",
            type=click.FloatRange(0, 1, min_open=True),
            help="Mask value that counts as foreground for IoU.  [default: the data set's threshold, or 0.5]",
        ),
        click.option(
            "--normalise",
            is_flag=True,
            help="Stretch each map to its own minimum and maximum first, as some toolboxes do.",
        ),
        click.option("--allow-missing", is_flag=True, help="Evaluate the pairs there are; count the rest."),
        click.option("--skip-empty", is_flag=True, help="Leave out truths without foreground; count them."),
        click.option(
            "--workers",
            type=click.IntRange(1),
            help="Processes; the result does not depend on it.  [default: cores]",
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


@click.command("eval", short_help="Masks against true masks: F, E, S, MAE, IoU.")
@click.option(
    "--masks",
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of grey PNG or JPEG maps, or of shards.",
)
@measure_options
@click.option(
    "--per-image",
    type=OutputFile(".parquet"),
    help="Write each image's measures into this .parquet file.",
)
@json_option
def command(masks: Path, per_image: Path | None, as_json: bool, **how: Any) -> None:
    """Hold masks against true masks.

    Pairs by file stem; masks in shards by key or original file name. Maps are resized to the truth's size and not
    stretched unless --normalise is given. Every measure is a mean over images, but:

    \b
    max_f            F of the mean precision and recall, best of 256 thresholds (BASNet, U2-Net)
    max_f_per_image  mean F at the best of 256 thresholds (PySODMetrics)
    e_measure        mean over images and 256 thresholds; max_e: best threshold; adaptive_e: twice the mean value

    F has beta^2 = 0.3, weighted_f beta = 1. COCO: the truth is all instances together; crowds are ignored.
    """  # noqa: D301 - click wants the character itself
    from ..evaluation import summary
    from ..io.atomic import write_atomic

    found = evaluate_sets([masks], **how)
    facts = {**summary.summarise(found.evaluation), **found.facts(0)}
    found.print_doubts()
    if per_image:
        write_atomic(per_image, summary.per_image(found.evaluation))
    if as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        click.echo(f"{name:15} {format(value, '.4f') if isinstance(value, float) else value}")


@dataclass(frozen=True, slots=True)
class Found:
    """An evaluation of one or more mask sets."""

    sets: list[MaskSet]
    pairing: Pairing
    evaluation: Evaluation
    normalise: bool

    def facts(self, number: int) -> dict[str, Any]:
        """How mask set `number` was evaluated, and what was left out."""
        return {
            "iou_threshold": self.sets[number].threshold,
            "normalised": self.normalise,
            "unpaired_masks": len(self.pairing.lone_masks[number]),
            "unpaired_truths": len(self.pairing.lone_truths),
            "empty_truths": len(self.evaluation.empty),
        }

    def print_doubts(self) -> None:
        """Say on stderr which masks look unlike masks."""
        from ..evaluation.summary import doubt

        for number, one in enumerate(self.sets):
            if text := doubt(self.evaluation, number):
                click.echo(f"maskgen: note: {one.where}: {text}", err=True)


def evaluate_sets(
    masks: list[Path],
    *,
    truth: Path,
    threshold: float | None,
    normalise: bool,
    allow_missing: bool,
    skip_empty: bool,
    workers: int | None,
) -> Found:
    """Pair the mask sets with the truth and evaluate all pairs, with a progress bar.

    Raises:
        MaskgenError: what does not pair, or cannot be read.
    """
    from ..evaluation import pairs
    from ..evaluation.evaluate import Settings, evaluate
    from ..processes.signals import StopSignals

    try:
        with StopSignals():
            sets = [pairs.open_masks(path, threshold) for path in masks]
            pairing = pairs.pair(pairs.open_truths(truth), sets)
            pairs.require_pairs(pairing, sets, truth, allow_missing=allow_missing)
            settings = Settings(tuple(one.cut for one in sets), normalise, skip_empty)
            total = len(pairing.pairs)
            with ProgressBar() as bar:
                evaluation = evaluate(
                    pairing.pairs,
                    settings,
                    workers or len(os.sched_getaffinity(0)),
                    lambda done: bar.show(done, total, f"{done}/{total} images"),
                )
    except Interrupted as error:
        raise Interrupted(error.what, remedy="run the same command again; it starts anew") from error
    return Found(sets, pairing, evaluation, normalise)
