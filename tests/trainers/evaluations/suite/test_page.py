"""The report as HTML."""

from __future__ import annotations

from maskgen.trainers.evaluations.suite.page import render_page
from maskgen.trainers.evaluations.suite.sheets import Column
from maskgen.trainers.evaluations.suite.spec import Table
from maskgen.trainers.evaluations.suite.tables import Entry, FilledRow, FilledTable


def test_names_are_texts_and_published_figures_stand_beside_ours() -> None:
    columns = (Column(name="<Top>", task="t", metric="m"), Column(name="Top-5", task="t", metric="n"))
    row = FilledRow("a & b", (Entry(None, "70.0", "71.0", best=True), Entry(None, "90.0", "")))
    table = FilledTable(Table(title="One", source="A <paper>", columns=columns), (row,))
    page = render_page("T<1>", [table], [], {}, [], ["Mind <this>."])
    assert "<title>T&lt;1&gt;</title>" in page
    assert "<th></th><th>&lt;Top&gt;</th><th class=p>published</th><th>Top-5</th>" in page
    assert "<td>a &amp; b</td><td><b>70.0</b></td><td class=p>71.0</td><td>90.0</td></tr>" in page
    assert "Published figures: A &lt;paper&gt;" in page
    assert "Plots" not in page
    assert "<p>Mind &lt;this&gt;.</p>" in page
