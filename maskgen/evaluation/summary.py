"""From the scores of all pairs to one flat object, one table row per image, and a table for people."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ..io.arrow import table_of
from .evaluate import Evaluation
from .measures import Measures, f_score

SHOWN = (
    "max_f",
    "max_f_per_image",
    "adaptive_f",
    "weighted_f",
    "mae",
    "s_measure",
    "e_measure",
    "max_e",
    "adaptive_e",
    "iou",
)
"""The measures in the order in which people read them."""


def summarize(evaluation: Evaluation, number: int = 0) -> dict[str, float | int]:
    """The data set's measures for one mask set.

    Every measure is a mean over images, each image counting alike; but `max_f` is the F of the mean precision
    and the mean recall, maximal over the 256 levels (Borji et al., TIP 2015), `max_f_per_image` the maximum
    over levels of the mean F (pysodmetrics' "dynamic"), `max_e` the same for E.

    Args:
        evaluation: all pairs.
        number: which mask set.

    Returns:
        The measures of `SHOWN`, then `max_f_threshold` (the map value in [0, 1] at which `max_f` is reached)
        and `images`.
    """
    precision, recall, mean_f, mean_e = evaluation.curves[number]
    f = f_score(precision, recall)
    means = np.array([score.measures[number] for score in evaluation.scores]).mean(axis=0)
    found = dict(zip(Measures._fields, means.tolist(), strict=True))
    found |= {"max_f": float(f.max()), "max_f_per_image": float(mean_f.max()), "max_e": float(mean_e.max())}
    ties = np.flatnonzero(f == f.max())  # of a binary map all levels are alike: the middle one is meant
    best = int(ties[len(ties) // 2])
    return {
        **{name: found[name] for name in SHOWN},
        "max_f_threshold": best / 255,
        "images": len(evaluation.scores),
    }


def doubt(evaluation: Evaluation, number: int = 0) -> str:
    """Why the masks of a set may not be what they should be, as words; empty when they look sound."""
    _, recall, _, _ = evaluation.curves[number]
    if not recall[1:].any():
        return "every mask is 0 wherever its truth is foreground"
    if not recall[2:].any():
        return (
            "no mask is above 1 of 255 where its truth is foreground: masks of 0 and 1 instead of 0 and 255?"
        )
    return ""


def per_image(evaluation: Evaluation, number: int = 0) -> bytes:
    """A Parquet table: name, height, width and the measures that are means over images."""
    rows = [
        {
            "name": score.name,
            "height": score.size[0],
            "width": score.size[1],
            **score.measures[number]._asdict(),
        }
        for score in evaluation.scores
    ]
    sizes = [("name", pa.string()), ("height", pa.int32()), ("width", pa.int32())]
    schema = pa.schema(sizes + [(name, pa.float64()) for name in Measures._fields])
    sink = io.BytesIO()
    pq.write_table(table_of(rows, schema), sink, compression="zstd")
    return sink.getvalue()


def as_table(runs: Mapping[str, Mapping[str, float | int]]) -> str:
    """One line per run, one column per measure and one for the threshold of IoU.

    Data sets may not share that threshold.

    Args:
        runs: by name, the measures of `SHOWN` and ``iou_threshold``.
    """
    columns = (*SHOWN, "iou_threshold")
    width = max(len(name) for name in ("", *runs))
    head = " " * width + "".join(f"  {name:>6}" for name in columns)
    lines = [
        f"{run:<{width}}" + "".join(f"  {facts[name]:>{max(6, len(name))}.4f}" for name in columns)
        for run, facts in runs.items()
    ]
    return "\n".join([head, *lines])
