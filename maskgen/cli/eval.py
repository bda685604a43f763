"""`maskgen eval`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import click

from ..config.bounds import above, at_least
from ..config.options import ExistingFile, option
from ..errors import Interrupted
from ..io.storage.location import Location
from .kinds import OutputFile, PlaceKind
from .options import Json, Spelling, click_command, nested
from .progress import ProgressBar

if TYPE_CHECKING:
    from ..evaluation.evaluate import Evaluation
    from ..evaluation.pairs import MaskSet, Pairing


@dataclass(frozen=True, kw_only=True)
class MeasureOptions:
    """What `eval` and `compare` share: which pairs are held against each other, and how."""

    truth: Annotated[Location, Spelling(kind=PlaceKind(file=True))] = option(
        MISSING,
        "Folder of masks (foreground above 128), or a COCO instances_*.json; or its address (s3://...).",
    )
    threshold: Annotated[float | None, Spelling(flag="--binarize-at", old="--binarise-at")] = option(
        None,
        "Mask value that counts as foreground for IoU.  [default: the data set's threshold, or 0.5]",
        bounds=above(0, 1),
    )
    normalize: Annotated[bool, Spelling(old="--normalise")] = option(
        False, "Stretch each map to its own minimum and maximum first, as some toolboxes do."
    )
    keys: ExistingFile | None = option(
        None, "File of the truths to evaluate, one name a line; each needs a mask, other masks are left out."
    )
    allow_missing: bool = option(False, "Evaluate the pairs that exist; count the rest.")
    skip_empty: bool = option(False, "Leave out truths without foreground; count them.")
    workers: int | None = option(
        None, "Processes; the result does not depend on it.  [default: cores]", bounds=at_least(1)
    )


@dataclass(frozen=True, kw_only=True)
class EvalOptions:
    """Options of `maskgen eval`."""

    masks: Annotated[Location, Spelling(kind=PlaceKind())] = option(
        MISSING, "Folder of gray PNG or JPEG maps, or of shards, or its address (s3://...)."
    )
    measure: MeasureOptions = nested(MeasureOptions)
    per_image: Annotated[Path | None, Spelling(kind=OutputFile(".parquet"))] = option(
        None, "Write each image's measures into this .parquet file."
    )
    as_json: Json = option(False, "Print one JSON object.")


@click_command("eval", EvalOptions)
def command(options: EvalOptions) -> None:
    """Compare masks with true masks.

    Pairs are made by file stem, and for shards by key or original file name. Maps are resized to the truth's
    size and not stretched unless --normalize is given. Every measure is a mean over images, except:

    \b
    max_f            F of the mean precision and recall, best of 256 thresholds (BASNet, U2-Net)
    max_f_per_image  mean F at the best of 256 thresholds (PySODMetrics)
    e_measure        mean over images and 256 thresholds; max_e: best threshold; adaptive_e: twice the mean
    value

    F has beta^2 = 0.3, weighted_f beta = 1. COCO: the truth is all instances together; crowds are ignored.
    """  # noqa: D301 - click wants the character itself
    from ..evaluation import summary
    from ..io.atomic import write_atomic

    found = evaluate_sets([options.masks], options.measure)
    facts = {**summary.summarize(found.evaluation), **found.facts(0)}
    found.print_doubts()
    if options.per_image:
        write_atomic(options.per_image, summary.per_image(found.evaluation))
    if options.as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        shown = "normalized" if name == "normalised" else name  # the stored key keeps its first spelling
        click.echo(f"{shown:15} {format(value, '.4f') if isinstance(value, float) else value}")


@dataclass(frozen=True, slots=True)
class Found:
    """An evaluation of one or more mask sets."""

    sets: list[MaskSet]
    pairing: Pairing
    evaluation: Evaluation
    normalize: bool

    def facts(self, number: int) -> dict[str, Any]:
        """How mask set `number` was evaluated, and what was left out."""
        return {
            "iou_threshold": self.sets[number].threshold,
            "normalised": self.normalize,
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


def evaluate_sets(masks: Sequence[Location], options: MeasureOptions) -> Found:
    """Pair the mask sets with the truth and evaluate all pairs, with a progress bar.

    Raises:
        MaskgenError: what does not pair, or cannot be read.
    """
    from ..evaluation import pairs
    from ..evaluation.evaluate import Settings, evaluate
    from ..processes.cores import usable_cores
    from ..processes.signals import StopSignals

    try:
        with StopSignals():
            sets = [pairs.open_masks(path, options.threshold) for path in masks]
            truths = pairs.open_truths(options.truth)
            if options.keys:
                truths = pairs.take_named(truths, options.keys)
            pairing = pairs.pair(truths, sets)
            if options.keys:
                pairing = replace(pairing, lone_masks=((),) * len(sets))
            pairs.require_pairs(pairing, sets, options.truth, allow_missing=options.allow_missing)
            settings = Settings(tuple(one.cut for one in sets), options.normalize, options.skip_empty)
            total = len(pairing.pairs)
            with ProgressBar() as bar:
                evaluation = evaluate(
                    pairing.pairs,
                    settings,
                    options.workers or usable_cores(),
                    lambda done: bar.show(done, total, f"{done}/{total} images"),
                )
    except Interrupted as error:
        raise Interrupted(error.what, remedy="run the same command again; it starts anew") from error
    return Found(sets, pairing, evaluation, options.normalize)
