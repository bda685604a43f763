"""The report as Markdown."""

from __future__ import annotations

from maskgen.trainers.evaluations.suite.markdown import render_markdown
from maskgen.trainers.evaluations.suite.sheets import Column
from maskgen.trainers.evaluations.suite.spec import Table
from maskgen.trainers.evaluations.suite.tables import Entry, FilledRow, FilledTable


def test_published_figures_stand_beside_ours() -> None:
    columns = (Column(name="Top-1", task="t", metric="m"), Column(name="Top-5", task="t", metric="n"))
    rows = (
        FilledRow("A|B", (Entry(None, "70.0", "71.0", best=True), Entry(None, "90.0", ""))),
        FilledRow("C", (Entry(None, "", "72.5"), Entry(None, "", ""))),
    )
    table = FilledTable(Table(title="Table 1", source="A paper", columns=columns), rows)
    text = render_markdown("Trial", [table], [], {}, ["no figure"], ["Mind this."])
    assert text.splitlines()[4] == "Mind this."
    assert text.splitlines()[8:12] == [
        "|  | Top-1 | Top-1, published | Top-5 |",
        "| --- | ---: | ---: | ---: |",
        "| A\\|B | **70.0** | 71.0 | 90.0 |",
        "| C |  | 72.5 |  |",
    ]
    assert "Published figures: A paper." in text
    assert text.endswith("- no figure\n")
