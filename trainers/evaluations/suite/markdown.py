"""The report as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .plots import FilledPlot, as_rows
from .tables import FilledTable

NOTE = "Mean ± standard error of the mean, over trainings, or over the seeds of one training."


def render_markdown(
    title: str,
    tables: Sequence[FilledTable],
    plots: Sequence[FilledPlot],
    missing: Mapping[str, str],
    problems: Sequence[str],
    notes: Sequence[str] = (),
) -> str:
    """The whole report.

    Args:
        title: of the report.
        tables: with their figures.
        plots: likewise; as tables, with a row for each line.
        missing: why a cell has no result, by its name.
        problems: sentences.
        notes: likewise, above the tables.
    """
    parts = [f"# {_plain(title)}", NOTE, *map(_plain, notes)]
    for one in tables:
        parts.append(f"## {_plain(one.table.title)}")
        parts.append("\n".join(_rows(one)))
        if one.table.source:
            parts.append(f"Published figures: {_plain(one.table.source)}.")
    for plot in plots:
        parts.append(f"## {_plain(plot.plot.title)}")
        parts.append("\n".join(_plot_rows(plot)))
        if plot.plot.source:
            parts.append(f"Published figures: {_plain(plot.plot.source)}.")
    if missing or problems:
        lines = [f"- `{name}`: {_plain(why)}" for name, why in missing.items()]
        parts.append("## Not there\n\n" + "\n".join([*lines, *(f"- {_plain(one)}" for one in problems)]))
    return "\n\n".join(parts) + "\n"


def _rows(one: FilledTable) -> Iterable[str]:
    published = one.published
    heads = [""]
    for column, has in zip(one.table.columns, published, strict=True):
        name = _plain(column.name)
        heads += [name, f"{name}, published"] if has else [name]
    yield _line(heads)
    yield "|" + " --- |" + " ---: |" * (len(heads) - 1)
    for row in one.rows:
        cells = [_plain(row.name)]
        for entry, has in zip(row.entries, published, strict=True):
            ours = f"**{entry.ours}**" if entry.best else entry.ours
            cells += [ours, _plain(entry.published)] if has else [ours]
        yield _line(cells)


def _plot_rows(one: FilledPlot) -> Iterable[str]:
    head, *rows = as_rows(one)
    yield _line([_plain(cell) for cell in head])
    yield "|" + " --- |" + " ---: |" * (len(head) - 1)
    for row in rows:
        yield _line([_plain(cell) for cell in row])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _plain(text: str) -> str:
    """On one line, and without what would end a table's cell."""
    return " ".join(text.split()).replace("|", "\\|")
