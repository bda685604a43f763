"""Writes sod_reference.json: what pysodmetrics 1.6.2 says of the cases in sod_cases.py.

pysodmetrics cannot live in our environment (it caps numpy, OpenCV and scikit-image), so it has its own:

    uv run --no-project --isolated --with pysodmetrics==1.6.2 tests/report/make_sod_reference.py DATA
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import numpy as np
from sod_cases import LEVELS, SCALARS, Case, groups

warnings.simplefilter("ignore")  # its NaN cases, and its own deprecations
import py_sod_metrics as sod  # noqa: E402


def judge(cases: list[Case], *, normalize: bool) -> dict[str, object]:
    """Measures of each case, and the maxima of the group."""
    every, rows = _judges(), []
    for levels, truth in cases:
        judges = _judges()
        for one in (*judges.values(), *every.values()):
            if normalize:
                one.step(levels, truth.astype(np.uint8) * 255)
            else:
                one.step(levels / 255, truth, normalize=False)
        f, e = judges["f"].get_results(), judges["e"].get_results()["em"]
        iou = judges["iou"].get_results()["iou"]["dynamic"]
        scalars = (
            f["fm"]["adp"],
            judges["w"].get_results()["wfm"],
            judges["mae"].get_results()["mae"],
            judges["s"].get_results()["sm"],
            e["curve"].mean(),
            e["adp"],
        )
        curves = (f["pr"]["p"], f["pr"]["r"], f["fm"]["curve"], e["curve"], iou)
        row = dict(zip(SCALARS, map(float, scalars), strict=True))
        for name, curve in zip(("precision", "recall", "f", "e", "iou"), curves, strict=True):
            row[name] = [float(curve[::-1][level]) for level in LEVELS]
        rows.append({name: None if value != value else value for name, value in row.items()})
    f, e = every["f"].get_results(), every["e"].get_results()["em"]
    p, r = f["pr"]["p"], f["pr"]["r"]
    best = np.max(1.3 * p * r / np.maximum(0.3 * p + r, 1e-300))
    return {
        "cases": rows,
        "max_f": best,
        "max_f_per_image": f["fm"]["curve"].max(),
        "max_e": e["curve"].max(),
    }


def _judges() -> dict[str, object]:
    iou = sod.FmeasureV2(metric_handlers={"iou": sod.IOUHandler(with_dynamic=True, with_adaptive=False)})
    return {
        "f": sod.Fmeasure(),
        "w": sod.WeightedFmeasure(),
        "mae": sod.MAE(),
        "s": sod.Smeasure(),
        "e": sod.Emeasure(),
        "iou": iou,
    }


if __name__ == "__main__":
    made = groups(Path(sys.argv[1]) if len(sys.argv) > 1 else None)
    text = {
        name: {str(flag).lower(): judge(cases, normalize=flag) for flag in (False, True)}
        for name, cases in made.items()
    }
    Path(__file__).with_name("sod_reference.json").write_text(
        json.dumps(json.loads(json.dumps(text), parse_float=lambda t: round(float(t), 10))) + "\n"
    )
