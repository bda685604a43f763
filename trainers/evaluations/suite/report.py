"""The report of a suite: report.json, report.md and report.html, a function of its results alone."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from maskgen.config.fingerprint import digest
from maskgen.io.atomic import make_folder, write_atomic

from .cells import Cell
from .figures import Collected
from .folder import CellFolder
from .markdown import render_markdown
from .page import render_page
from .plots import as_json, fill_plots
from .spec import Suite
from .tables import FilledTable, fill_tables

ENDINGS = (".json", ".md", ".html")


def write_report(
    suite: Suite,
    cells: Sequence[Cell],
    output: Path,
    failed: Mapping[str, str],
    *,
    absent: Mapping[str, str] | None = None,
    notes: Sequence[str] = (),
    name: str = "report",
) -> list[str]:
    """Write the three files.

    Args:
        suite: it.
        cells: all of its cells.
        output: folder of the suite.
        failed: why, by the name of the cell.
        absent: what else is not there, and why.
        notes: sentences above the tables.
        name: of the files, without its ending.

    Returns:
        What tables and plots ask for in vain, a sentence each.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    folders = [CellFolder(cell, output) for cell in cells]
    results = {one.cell.name: one.results() for one in folders if one.is_done()}
    found = Collected(cells, results, [])
    tables, plots = fill_tables(suite, found), fill_plots(suite, found)
    undone = {cell.name: failed.get(cell.name, "not done yet") for cell in cells if cell.name not in results}
    missing = {**(absent or {}), **undone}
    problems = list(dict.fromkeys(found.problems))
    content = {
        "title": suite.title,
        "notes": list(notes),
        "tables": [_table(one) for one in tables],
        "plots": [as_json(one) for one in plots],
        "missing": missing,
        "problems": problems,
        "cells": [_cell(cell, results[cell.name]) for cell in cells if cell.name in results],
    }
    make_folder(output)
    texts = (
        json.dumps(content, indent=1, ensure_ascii=False) + "\n",
        render_markdown(suite.title, tables, plots, missing, problems, notes),
        render_page(suite.title, tables, plots, missing, problems, notes),
    )
    for ending, text in zip(ENDINGS, texts, strict=True):
        write_atomic(output / f"{name}{ending}", text.encode())
    return problems


def _cell(cell: Cell, results: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "checkpoint": cell.checkpoint.name,
        "task": cell.task.name,
        "seed": cell.seed,
        "settings": cell.settings,
        "settings_sha256": digest(cell.settings),
        "results": results,
    }


def _table(one: FilledTable) -> dict[str, Any]:
    columns = [asdict(column) for column in one.table.columns]
    rows = [
        {
            "name": row.name,
            "entries": [
                {
                    "mean": None if entry.figure is None else entry.figure.mean,
                    "sem": None if entry.figure is None else entry.figure.sem,
                    "values": [] if entry.figure is None else list(entry.figure.values),
                    "shown": entry.ours,
                    "published": entry.published,
                }
                for entry in row.entries
            ],
        }
        for row in one.rows
    ]
    return {"title": one.table.title, "source": one.table.source, "columns": columns, "rows": rows}
