"""The report is a function of the results."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
from suite_kit import Toys

from maskgen.processes.jobs import JobRun
from maskgen.processes.places import Machine
from maskgen.processes.signals import StopSignals
from maskgen.trainers.evaluations.suite.cells import Cell
from maskgen.trainers.evaluations.suite.folder import CellFolder
from maskgen.trainers.evaluations.suite.report import ENDINGS, write_report
from maskgen.trainers.evaluations.suite.run import CellJob
from maskgen.trainers.evaluations.suite.spec import Suite


def finish(suite: Suite, cells: list[Cell], output: Path) -> dict[str, bytes]:
    folders = [CellFolder(cell, output) for cell in cells]
    jobs = [CellJob(one) for one in folders]
    JobRun(jobs, Machine(["cpu"], 1), Toys(), lambda text: None, StopSignals()).run()
    assert write_report(suite, cells, output, {}) == []
    return {f"report{end}": (output / f"report{end}").read_bytes() for end in ENDINGS}


def test_equal_results_give_equal_bytes_wherever_they_lie(
    suite: Suite, cells: list[Cell], tmp_path: Path
) -> None:
    assert finish(suite, cells, tmp_path / "one") == finish(suite, cells, tmp_path / "two")


def test_the_json_holds_every_result(suite: Suite, cells: list[Cell], tmp_path: Path) -> None:
    content = json.loads(finish(suite, cells, tmp_path)["report.json"])
    tops = [one["results"]["toy.json"]["top1"] for one in content["cells"]]
    assert tops == [0.1, 0.0, 0.1, 0.35, 0.25, 0.35]
    entry = content["tables"][0]["rows"][0]["entries"][0]
    assert (entry["values"], entry["mean"]) == ([0.0, 0.1], 0.05)
    assert entry["sem"] == pytest.approx(0.05)
    assert content["missing"] == {}


class Fetched(HTMLParser):
    """Whatever a page would fetch or lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [f"{tag} {name}" for name, _ in attrs if name in ("src", "href", "srcset", "data")]
        self.found += [tag] if tag in ("script", "link", "iframe") else []


def test_the_page_fetches_nothing_and_is_small(suite: Suite, cells: list[Cell], tmp_path: Path) -> None:
    page = finish(suite, cells, tmp_path)["report.html"].decode()
    fetched = Fetched()
    fetched.feed(page)
    assert fetched.found == []
    assert "url(" not in page
    assert "prefers-color-scheme:dark" in page
    assert "<svg" in page
    assert len(page) < 100_000


def test_what_is_missing_is_said(suite: Suite, cells: list[Cell], tmp_path: Path) -> None:
    write_report(suite, cells, tmp_path, {"a/first/seed-1": "the disk | is <full>"})
    markdown = (tmp_path / "report.md").read_text()
    assert "- `a/first/seed-1`: the disk \\| is <full>" in markdown
    assert "- `b/first/seed-1`: not done yet" in markdown
    assert "the disk | is &lt;full&gt;" in (tmp_path / "report.html").read_text()
