"""The evidence page's command: its figures by hand, and all of it at smoke size."""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from maskgen.trainers.experiments.read import read_experiment
from maskgen.trainers.experiments.spec import Arm

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
report: Any = importlib.import_module("evidence_report")
photos: Any = importlib.import_module("shortcut_photos")
EXPERIMENT = read_experiment(ROOT / "experiments" / "evidence" / "shortcut.toml")
ACCURACY = {"original": 0.7, "mixed_same": 0.7, "only_bg_t": 0.2, "only_fg": 0.3}


def cell(arm: str, seed: int, mixed_rand: float) -> dict[str, Any]:
    figures = {**ACCURACY, "mixed_rand": mixed_rand, "bg_gap": 0.7 - mixed_rand}
    results = {"knn.json": {"challenge": {"knn_20": figures}}}
    return {"checkpoint": f"{arm}/seed-{seed}", "task": "knn", "seed": 0, "results": results}


def found() -> Any:
    cells = [
        cell("none", 0, 0.5),
        cell("none", 1, 0.52),
        cell("bg-random", 0, 0.6),
        cell("bg-random", 1, 0.58),
    ]
    return report.read_found({"cells": [*cells, cell("p-100", 1, 0.55), cell("mask-nothing", 0, 0.5)]})


def test_gains_are_between_trainings_of_one_seed() -> None:
    assert report.gains(found(), "bg-random", "none", "mixed_rand") == pytest.approx([10, 6])
    assert report.gains(found(), "p-100", "none", "mixed_rand") == pytest.approx([3])
    assert report.gains(found(), "bg-swaps", "none", "mixed_rand") == []
    assert report.sem([10, 6]) == pytest.approx(2)  # the deviation is 4 / sqrt(2), of two values
    assert math.isnan(report.sem([3.0]))


def test_the_table_has_a_line_for_each_arm_with_results() -> None:
    lines = list(report.table(EXPERIMENT, found(), control="none"))
    assert [line.split(" | ")[0] for line in lines[2:]] == [
        "| none",
        "| bg-random",
        "| p-100",
        "| mask-nothing",
    ]
    assert "| +8.0 ± 2.0 | -8.0 ± 2.0 | 2 |" in lines[3]
    assert len({line.count("|") for line in lines}) == 1


def test_the_overlap_of_masks_is_that_of_the_arm_s_masks() -> None:
    truth = np.zeros((3, 128, 128), bool)
    truth[:, 32:96, 32:96] = True
    quality = {"true": {"iou": 1.0}, "vote": {"iou": 0.8}}
    arm: Any = {"method": "mocov2", "name": "a", "preset": "bg-random-220"}
    assert report.mask_iou(Arm(**{**arm, "preset": "plain-220"}), quality, truth) is None
    assert report.mask_iou(Arm(**arm), quality, truth) == 1
    assert report.mask_iou(Arm(**arm, options={"data": "{shards-vote}"}), quality, truth) == 0.8
    assert report.mask_iou(Arm(**arm, options={"data": "{shards-fast}"}), quality, truth) is None
    removed = Arm(**arm, settings={"corruption": "remove_rectangle", "corruption_amount": 0.25})
    assert report.mask_iou(removed, quality, truth) == pytest.approx(0.75, abs=0.02)


def test_plots_show_what_there_is() -> None:
    drawn = ET.fromstring(report.draw_p(found()))
    circles = [one for one in drawn.iter() if one.tag.endswith("circle")]
    assert len(circles) == 9  # three figures at p = 0, 0.5 and 1
    drawn = ET.fromstring(report.draw_masks(found(), {"bg-random": 1.0, "mask-nothing": 0.2, "bg-rm": 1.0}))
    names = {one.text for one in drawn.iter() if one.tag.endswith("text")}
    assert {"true", "nothing"} <= names
    assert "bg-rm" not in names
    assert report.draw_masks(found(), {"bg-random": 1.0}) == report.draw_p({}) == ""


@pytest.mark.parametrize("place", photos.PLACES.values(), ids=photos.PLACES)
def test_objects_lie_where_they_should(place: Any) -> None:
    masks = np.stack([photos.super_ellipse(64, np.random.default_rng(seed), place) for seed in range(60)])
    shares = masks.mean(axis=(1, 2))
    assert place.area[0] - 0.01 < shares.min() < shares.max() < place.area[1] + 0.01
    assert shares.max() - shares.min() > (place.area[1] - place.area[0]) / 2
    middles = [np.argwhere(one).mean(axis=0) / 63 - 0.5 for one in masks]
    assert place.reach / 2 < np.abs(middles).max() < place.reach + 0.02
    assert not masks[:, [0, -1]].any()
    assert not masks[:, :, [0, -1]].any()


def test_every_arm_of_the_sweep_over_p_is_in_the_file() -> None:
    p = {arm.name: arm.settings.get("background_p", 0.0) for arm in EXPERIMENT.arms}
    assert {name: p[name] for name in report.P} == report.P


@pytest.mark.slow
def test_the_command_runs_and_goes_on_with_more_arms(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/evidence.py", "--work", str(tmp_path), "--smoke", "--seeds", "1"]
    command += ["--methods", "box", "--arms"]

    def run(arms: str) -> str:
        return subprocess.run([*command, arms], cwd=ROOT, check=True, capture_output=True, text=True).stdout

    run("none")
    first = json.loads((tmp_path / "shortcut" / "runs" / "report.json").read_text())["cells"]
    assert [one["checkpoint"] for one in first] == ["none/seed-0"]
    shown = run("none,mask-box,mask-vote")  # the masks of vote were not made
    lines = shown[shown.index("## shortcut") :].splitlines()
    assert [line.split(" | ")[0] for line in lines[4:6]] == ["| none", "| mask-box"]
    assert not any("mask-vote" in line for line in lines)
    assert (tmp_path / "out" / "evidence.md").read_text().strip() == "\n".join(lines).strip()
