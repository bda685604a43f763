"""The report as one HTML file: nothing is fetched, light or dark as the reader's browser is."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence

from .markdown import NOTE
from .plots import FilledPlot, draw
from .tables import Entry, FilledTable

_STYLE = """:root{color-scheme:light dark;--ink:#222;--paper:#fff;--rule:#ddd;--soft:#666}
@media(prefers-color-scheme:dark){:root{--ink:#e4e4e4;--paper:#181818;--rule:#444;--soft:#a0a0a0}}
body{font:15px/1.45 sans-serif;color:var(--ink);background:var(--paper);max-width:1180px;margin:2em auto;
padding:0 1em}.wide{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
td,th{padding:.25em .8em;text-align:right;border-bottom:1px solid var(--rule);white-space:nowrap}
td:first-child,th:first-child{text-align:left}.p{color:var(--soft)}caption{caption-side:bottom;text-align:left;
color:var(--soft);padding:.4em 0}svg{max-width:100%;height:auto;margin:.5em 1em .5em 0}
svg text[fill="#282828"]{fill:var(--ink)}svg line[stroke="#e4e4e4"]{stroke:var(--rule)}"""


def render_page(
    title: str,
    tables: Sequence[FilledTable],
    plots: Sequence[FilledPlot],
    missing: Mapping[str, str],
    problems: Sequence[str],
    notes: Sequence[str] = (),
) -> str:
    """The whole page.

    Args:
        title: of the report.
        tables: with their figures.
        plots: with their figures.
        missing: why a cell has no result, by its name.
        problems: sentences.
        notes: likewise, above the tables.
    """
    parts = [f"<h1>{html.escape(title)}</h1>", f"<p>{NOTE} Published figures are gray.</p>"]
    parts += [f"<p>{html.escape(one)}</p>" for one in notes]
    parts += [_table(one) for one in tables]
    if plots:
        parts.append("<h2>Plots</h2>\n" + "\n".join(_plot(one) for one in plots))
    if missing or problems:
        items = [f"<code>{html.escape(name)}</code>: {html.escape(why)}" for name, why in missing.items()]
        items += [html.escape(one) for one in problems]
        parts.append("<h2>Not there</h2><ul>" + "".join(f"<li>{one}</li>" for one in items) + "</ul>")
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style>"
    )
    body = "\n".join(parts)
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>\n{body}\n</body></html>\n'


def _table(one: FilledTable) -> str:
    published = one.published
    heads = "".join(
        f"<th>{html.escape(column.name)}</th>" + ("<th class=p>published</th>" if has else "")
        for column, has in zip(one.table.columns, published, strict=True)
    )
    rows = "\n".join(
        f"<tr><td>{html.escape(row.name)}</td>"
        + "".join(_entry(entry, has) for entry, has in zip(row.entries, published, strict=True))
        + "</tr>"
        for row in one.rows
    )
    source = (
        f"<caption>Published figures: {html.escape(one.table.source)}</caption>" if one.table.source else ""
    )
    return (
        f"<h2>{html.escape(one.table.title)}</h2><div class=wide><table>{source}"
        f"<thead><tr><th></th>{heads}</tr></thead><tbody>\n{rows}</tbody></table></div>"
    )


def _plot(one: FilledPlot) -> str:
    source = one.plot.source
    caption = f"<figcaption class=p>Published figures: {html.escape(source)}</figcaption>" if source else ""
    return f"<figure>{draw(one)}{caption}</figure>"


def _entry(entry: Entry, published: bool) -> str:
    ours = html.escape(entry.ours)
    cell = f"<td><b>{ours}</b></td>" if entry.best else f"<td>{ours}</td>"
    return cell + (f"<td class=p>{html.escape(entry.published)}</td>" if published else "")
