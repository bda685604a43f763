"""Plots, agreement and the report of a training, against figures worked by hand."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import cv2
import numpy as np
import pytest

from maskgen.drawing.svg import HEIGHT, WIDTH, Line, plot_lines
from maskgen.pipelines.distill.data.priors import array_of
from maskgen.pipelines.distill.results.sheet import mean_iou
from maskgen.pipelines.distill.run import RunHooks, begin, run
from maskgen.pipelines.distill.settings.settings import Request
from maskgen.pipelines.distill.status import status
from maskgen.pipelines.distill.training.phase import Hardware
from maskgen.pipelines.distill.work_folder import WorkFolder


def polylines(svg: str) -> list[list[tuple[float, float]]]:
    root = ET.fromstring(svg)
    found = [one for one in root.iter() if one.tag.endswith("polyline")]
    return [
        [(float(x), float(y)) for x, y in (point.split(",") for point in one.attrib["points"].split())]
        for one in found
    ]


def test_a_plot_is_sound_xml_and_its_points_are_in_proportion() -> None:
    svg = plot_lines(
        "a < b & c", "epoch", [Line("up", [(0, 1.0), (1, 2.0), (2, 3.0)]), Line("flat", [(0, 1.0), (2, 1.0)])]
    )
    up, flat = polylines(svg)
    assert up[1][0] - up[0][0] == pytest.approx(up[2][0] - up[1][0], abs=0.2)
    assert up[0][1] - up[1][1] == pytest.approx(up[1][1] - up[2][1], abs=0.2)
    assert up[0][1] > up[2][1], "y grows upwards"
    assert flat[0][1] == flat[1][1] == up[0][1]
    for x, y in (*up, *flat):
        assert 0 <= x <= WIDTH
        assert 0 <= y <= HEIGHT
    assert "a &lt; b &amp; c" in svg


def test_a_plot_survives_one_point_no_point_and_no_number() -> None:
    (only,) = polylines(plot_lines("t", "x", [Line("one", [(3, 0.5)]), Line("none", [])]))
    assert len(only) == 1
    (two,) = polylines(plot_lines("t", "x", [Line("gap", [(0, 1.0), (1, float("nan")), (2, 3.0)])]))
    assert len(two) == 2
    assert "nan" not in plot_lines("t", "x", [Line("gap", [(0, float("nan"))])])


def test_names_at_one_height_are_moved_apart() -> None:
    svg = plot_lines("t", "x", [Line(name, [(0, 1.0), (1, 2.0)]) for name in ("rbd", "mr", "mc")])
    heights = [
        float(re.search(r'y="([\d.]+)"', line)[1])
        for line in svg.splitlines()
        if re.search(r">(rbd|mr|mc)<", line)
    ]  # type: ignore[index] # every text has a y
    assert len(heights) == 3
    assert min(np.diff(sorted(heights))) >= 12


HOOKS = RunHooks(workers=1, hardware=Hardware(threads=1))


@pytest.mark.slow
def test_the_report_grows_with_the_training(discs: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from maskgen.pipelines.distill.results.report import seconds_by_phase, write_report
    from maskgen.pipelines.distill.results.sheet import agreement
    from maskgen.pipelines.distill.settings.settings import read_settings

    output = tmp_path / "work"
    work, settings, _ = begin(Request(output=output, inputs=(str(discs),), preset="test"))
    first = write_report(work, settings).read_text()
    assert "photos not done" in first
    assert "<svg" not in first
    run(work, settings, ("photos", "priors"), HOOKS)
    masks = {
        name: work.store.read(array_of(name), 0, 6)
        > 255 * 1.5 * work.store.read(array_of(name), 0, 6).mean() / 255
        for name in ("rbd", "mc")
    }
    ((number, shared),) = agreement(work, settings)
    assert number == 0
    assert shared == pytest.approx(mean_iou(masks["rbd"], masks["mc"]))
    assert write_report(work, settings).read_text().count("<svg") == 1
    run(work, settings, ("train", "fuse"), HOOKS)
    page = write_report(work, read_settings(work), count=3).read_text()
    assert page.count("<svg") == 5, "loss and agreement, of rounds and of the fusion; the labels' agreement"
    assert [at for at, _ in agreement(work, settings)] == [0, 1, 2]
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ET.fromstring(svg)
    skipped = [one["path"] for one in status(work, settings)["skipped"]]
    assert all(path in page for path in skipped)
    assert not re.search(r'(src|href)="(?!data:)', page), "one file that needs no other"
    assert set(seconds_by_phase(work)) == {"rbd-round-1", "rbd-round-2", "mc-round-1", "mc-round-2", "fusion"}
    sheet = cv2.imread(str(output / "sheet.jpg"))
    assert sheet is not None
    assert sheet.shape[0] > 3 * 160
    assert sheet.shape[1] > 7 * 160, "photo, two priors, their last labels, mask, overlay"


def test_a_line_of_the_log_that_a_kill_has_cut_is_passed_over(tmp_path: Path) -> None:
    from maskgen.pipelines.distill.results.report import seconds_by_phase

    work = WorkFolder(tmp_path)
    work.log({"phase": "fusion", "seconds": 1.5})
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"time": "2026-')
    assert seconds_by_phase(work) == {"fusion": 1.5}
