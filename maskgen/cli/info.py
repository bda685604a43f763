"""`maskgen info`."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import MISSING, dataclass
from typing import Any

import click

from ..config.options import option
from .options import DataFolder, Json, click_command
from .units import format_size


@dataclass(frozen=True, kw_only=True)
class InfoOptions:
    """Options of `maskgen info`."""

    data: DataFolder = option(MISSING, "Folder of the data set.")
    as_json: Json = option(False, "Print one JSON object.")


@click_command("info", InfoOptions)
def command(options: InfoOptions) -> None:
    """What the data set in folder DATA holds.

    Counts, members, options, versions, mask coverage, background kinds.
    """
    from ..shards import manifest, table

    data = options.data
    whole = manifest.read(data)
    areas: list[float] = []
    kinds: Counter[str] = Counter()
    for record in whole.shards:
        rows = table.read(data / f"{record.name}.parquet", ["status", "fg_area", "background"]).to_pylist()
        good = [row for row in rows if row["status"] == "ok"]
        areas += [row["fg_area"] for row in good]
        kinds.update(row["background"] for row in good)
    facts: dict[str, Any] = {
        "format": whole.format,
        "shards": len(whole.shards),
        "samples": whole.samples,
        "failed": whole.failed,
        "bytes": whole.tar_bytes,
        "complete": whole.complete,
        "members": list(whole.members),
        "mean_fg_area": round(sum(areas) / len(areas), 4) if areas else None,
        "empty_masks": sum(area == 0 for area in areas),
        "backgrounds": dict(sorted(kinds.items())),
        **whole.identity,
    }
    if options.as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in facts.items():
        text = " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else value
        text = " ".join(text) if isinstance(text, list) else text
        click.echo(f"{name:14} {format_size(value) if name == 'bytes' else text}")  # pyright: ignore[reportArgumentType]
