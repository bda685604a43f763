"""The parts of the page."""

from __future__ import annotations

import re
import shlex
from functools import partial
from importlib.resources import files
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from report_kit import open_page

from maskgen.cli.run_options import ConfigOptions
from maskgen.drawing.page import render_page
from maskgen.evaluation.pairs import MaskEntry
from maskgen.evaluation.reading import Blob
from maskgen.report.sample import Findings, Sample
from maskgen.report.sections import command_of, numbers, plots, quarantine_section, tiles
from maskgen.report.shard_set import Survey, Times
from maskgen.report.tally import LISTED, Quarantine, Tally


def surveyed(count: int) -> Survey:
    survey = Survey(Tally(4), 2 * count, 128)
    for number in range(count):
        one = Sample(MaskEntry((str(number),), Blob("x")), "x", None, number / count, 0.25, number % 3)
        survey.drawn.append(one)
        survey.tally.add(number, one.coverage, one.confidence, one.sides, partial(lambda s: s, one))
    return survey


def test_numbers_are_what_was_counted() -> None:
    found = numbers(surveyed(10).tally)
    assert found["mean coverage"] == "45.0 %"
    assert found["empty masks"] == "1"
    assert found["touch the border"] == "60 %"
    assert (found["mean confidence"], found["doubtful (< 0.5)"]) == ("0.25", "10")
    assert tiles({"a<b": "1"}).count("&lt;") == 1


def test_a_histogram_says_of_how_many_it_is() -> None:
    survey = surveyed(10)
    findings = Findings(pieces={str(n): n + 3 for n in range(10)}, agreement={"1": 0.5, "2": 1.0})
    html = plots(survey, findings, Times(10, {"method": 3.0}, [100.0, 300.0, 500.0, 300.0, 300.0]))
    assert html.count("<svg") == 5
    assert "10 of 20 masks, drawn at random" in html
    assert "<title>9+: 4</title>" in html
    assert "mean 0.750, 2 masks of 10 drawn at random that both have" in html
    assert "mean 300 (method 300)" in html
    for figure in html.split("<figure>")[1:]:
        ET.fromstring(figure[figure.index("<svg") : figure.index("</svg>") + 6])


def test_a_quarantine_tells_reasons_and_the_first_images() -> None:
    assert "Every image could be used" in quarantine_section(Quarantine())
    quarantine = Quarantine()
    for number in range(LISTED + 1):
        quarantine.add("s-000000", f"k{number}", "<script>", "truncated: </td>")
    html = quarantine_section(quarantine)
    assert html.count("<tr>") == 2 + 1 + LISTED  # two heads, one reason
    assert f"The first {LISTED} of {LISTED + 1}" in html
    assert "<script>" not in html
    assert "</td></td>" not in html


@pytest.mark.slow
def test_a_quarantine_is_searched_in_a_browser(tmp_path: Path) -> None:
    quarantine = Quarantine()
    for key, error in (
        ("a", "truncated: 3 rows"),
        ("b", "not-an-image: GIF"),
        ("c", "truncated: <img src=x>"),
    ):
        quarantine.add("s-000000", key, f"<script>{key}</script>", error)
    script = files("maskgen.report").joinpath("report.js").read_text()
    page = tmp_path / "page.html"
    page.write_text(render_page("t", [quarantine_section(quarantine)], script))
    opened = open_page(page, "quarantine=TRUNC")
    assert opened.complaints == []
    rows = re.findall(r"<tr([^>]*)><td>(\w)</td>", opened.html)
    assert [key for marks, key in rows if "hidden" not in marks] == ["a", "c"]
    assert len(rows) == 3
    assert opened.html.count('<button type="button">') == 4  # a column each, to sort by


@pytest.mark.slow
def test_a_table_is_sorted_by_the_heads_of_its_columns(tmp_path: Path) -> None:
    quarantine = Quarantine()
    for key, path in (("k10", "c.jpg"), ("k9", "a.jpg"), ("k1", "b.jpg")):
        quarantine.add("s-000000", key, path, "truncated")
    script = files("maskgen.report").joinpath("report.js").read_text()
    heads = "document.querySelectorAll('#failures th button')"
    for clicks, column, order, keys in (
        ([0], "key", "ascending", ["k1", "k9", "k10"]),  # numbers by their size
        ([0, 0], "key", "descending", ["k10", "k9", "k1"]),
        ([0, 0, 1], "path", "ascending", ["k9", "k1", "k10"]),
    ):
        clicked = "".join(f"\n{heads}[{number}].click();" for number in clicks)
        page = tmp_path / "page.html"
        page.write_text(render_page("t", [quarantine_section(quarantine)], script + clicked))
        opened = open_page(page)
        assert opened.complaints == []
        assert re.findall(r"<td>(k\d+)</td>", opened.html) == keys
        marked = re.findall(r'<th[^>]*aria-sort="(\w+)"[^>]*><button type="button">(\w+)', opened.html)
        assert marked == [(order, column)]


def test_the_command_means_the_same_options() -> None:
    options = {
        "dataset": "folder",
        "method": "mr",
        "image_feature": "it's",
        "background": "telea",
        "binary": True,
        "seed": 0,
        "shard_size": 50,
        "mask_side": 320,
        "labels": "auto",
    }
    words = shlex.split(command_of(options))
    assert words[:2] == ["maskgen", "run"]
    import click

    from maskgen.cli.options import build, click_parameters

    command = click.Command("run", params=list(click_parameters(ConfigOptions)))
    with command.make_context("run", words[2:]) as context:
        config = build(ConfigOptions, context.params).resolve()
    assert {name: getattr(config, name) for name in options} == options
    assert (config.input, config.output) == ("INPUT", "OUTPUT")
