"""What `evidence` reads out of a sweep's report: gains by seed, tables, and plots."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from maskgen.augment import Corruption, corrupt_masks
from maskgen.drawing.svg import Line, plot_lines, standalone
from maskgen.trainers.experiments.spec import Arm, Experiment

Found = Mapping[str, Mapping[int, Mapping[str, float]]]
"""By arm and seed, accuracies in percent by variant, and ``bg_gap`` in points."""
SHOWN = ("original", "mixed_same", "mixed_rand", "bg_gap", "only_bg_t", "only_fg")
MAIN = "mixed_rand"
K = "knn_20"
P = {"none": 0.0, "p-10": 0.1, "p-25": 0.25, "bg-random": 0.5, "p-100": 1.0}
"""The arms of the sweep over p."""
TRUE = "true"


def read_found(report: Mapping[str, Any]) -> Found:
    """The accuracies of each training that is done.

    Args:
        report: report.json of a sweep.
    """
    found: dict[str, dict[int, dict[str, float]]] = {}
    for cell in report["cells"]:
        arm, _, seed = cell["checkpoint"].partition("/seed-")
        figures = cell["results"]["knn.json"]["challenge"][K]
        found.setdefault(arm, {})[int(seed)] = {name: 100 * value for name, value in figures.items()}
    return found


def gains(found: Found, arm: str, control: str, figure: str) -> list[float]:
    """The differences of an arm to the control in points, between trainings of the same seed."""
    mine, other = found.get(arm, {}), found.get(control, {})
    return [mine[seed][figure] - other[seed][figure] for seed in sorted(mine.keys() & other.keys())]


def sem(values: Sequence[float]) -> float:
    """The standard error of the mean; not a number for one value."""
    return statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else math.nan


def show(values: Sequence[float], *, signed: bool = False) -> str:
    """``61.2 ± 0.4``: mean and standard error.

    Example:
        >>> show([1.0, 2.0, 3.0], signed=True), show([5.0]), show([])
        ('+2.0 ± 0.6', '5.0', '')
    """
    if not values:
        return ""
    mean = f"{statistics.fmean(values):{'+' if signed else ''}.1f}"
    return f"{mean} ± {sem(values):.1f}" if len(values) > 1 else mean


def table(experiment: Experiment, found: Found, control: str) -> Iterator[str]:
    """Lines of Markdown: every arm that has results, and its gains over the control by seed."""
    heads = [*SHOWN, f"{MAIN} over {control}", f"bg_gap over {control}", "seeds"]
    yield f"| 20-NN, % | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    for arm in experiment.arms:
        if arm.name not in found:
            continue
        each = found[arm.name]
        values = [show([one[name] for one in each.values()]) for name in SHOWN]
        over = (
            [show(gains(found, arm.name, control, name), signed=True) for name in (MAIN, "bg_gap")]
            if arm.name != control
            else ["", ""]
        )
        yield f"| {arm.name} | {' | '.join([*values, *over, str(len(each))])} |"


def mask_iou(arm: Arm, quality: Mapping[str, Mapping[str, float]], truth: NDArray[np.bool_]) -> float | None:
    """Mean IoU of the masks that an arm trains on with the true ones; None: it replaces no background.

    Args:
        arm: it.
        quality: what `maskgen eval` says of each kind of shards.
        truth: (N, H, W) true masks, which the arm's corruption is tried on.
    """
    if "bg" not in arm.preset:
        return None
    change = arm.settings.get("corruption")
    if change is None:
        kind = str(arm.options.get("data", "")).strip("{}").removeprefix("shards-") or TRUE
        return quality[kind]["iou"] if kind in quality else None
    corruption = Corruption(change=change, amount=arm.settings.get("corruption_amount", 0.5))
    spoiled = corrupt_masks(torch.from_numpy(truth), corruption, generator=torch.Generator().manual_seed(0))
    return overlap(spoiled.numpy(), truth)


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Mean intersection over union of (N, H, W) masks."""
    both, either = (one & other).sum(axis=(1, 2)), (one | other).sum(axis=(1, 2))
    return float(np.mean(both / np.maximum(either, 1)))


def draw_p(found: Found) -> str:
    """Accuracies over p, with standard errors; empty without two places."""
    arms = [(p, found[arm]) for arm, p in P.items() if arm in found]
    if len(arms) < 2:
        return ""
    lines = []
    for name in ("original", MAIN, "bg_gap"):
        values = [[one[name] for one in each.values()] for _, each in arms]
        points = [(p, statistics.fmean(v)) for (p, _), v in zip(arms, values, strict=True)]
        lines.append(Line(name, points, [sem(v) for v in values]))
    return standalone(plot_lines("20-NN in % (mean, standard error)", "p of BG_Random", lines))


def draw_masks(found: Found, ious: Mapping[str, float]) -> str:
    """Gains on photos with other backgrounds over the masks' IoU; empty without two places."""
    lines = []
    for arm, iou in ious.items():
        values = gains(found, arm, "none", MAIN)
        if values and (arm.startswith("mask-") or arm == "bg-random"):
            name = arm.removeprefix("mask-") if arm != "bg-random" else TRUE
            lines.append(Line(name, [(iou, statistics.fmean(values))], [sem(values)]))
    if len(lines) < 2:
        return ""
    return standalone(plot_lines(f"gain on {MAIN} in points", "IoU of the masks with the true ones", lines))
