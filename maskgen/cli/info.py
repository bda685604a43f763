"""`maskgen info`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import MISSING, dataclass
from typing import Any

import click

from ..config.options import option
from ..io.storage.location import require_folder
from .options import DataFolder, Json, click_command
from .units import format_size


@dataclass(frozen=True, kw_only=True)
class InfoOptions:
    """Options of `maskgen info`."""

    data: DataFolder = option(MISSING, "Folder of the data set, or its address (s3://...).")
    as_json: Json = option(False, "Print one JSON object.")


@click_command("info", InfoOptions)
def command(options: InfoOptions) -> None:
    """What the data set in folder DATA holds.

    Counts, members, options, versions, mask coverage, background kinds. Empty masks have no foreground at
    all, masks of specks less than 1 % of their photo, doubtful ones a confidence below 0.5.
    """
    from ..shards import manifest, table
    from ..shards.confidence import DOUBTFUL

    data = options.data
    require_folder(data)
    whole = manifest.read(data)
    areas: list[float] = []
    confidences: list[float] = []
    kinds: Counter[str] = Counter()
    for record in whole.shards:
        columns = ["status", "fg_area", "background", "confidence"]
        rows = table.read(data / f"{record.name}.parquet", columns).to_pylist()
        good = [row for row in rows if row["status"] == "ok"]
        areas += [row["fg_area"] for row in good]
        confidences += [row["confidence"] for row in good if "confidence" in row]  # since format 4
        kinds.update(row["background"] for row in good)
    empty, specks = count_sparse(areas)
    facts: dict[str, Any] = {
        "format": whole.format,
        "shards": len(whole.shards),
        "samples": whole.samples,
        "failed": whole.failed,
        "bytes": whole.tar_bytes,
        "complete": whole.complete,
        "members": list(whole.members),
        "mean_fg_area": round(sum(areas) / len(areas), 4) if areas else None,
        "empty_masks": empty,
        "masks_of_specks": specks,
        "mean_confidence": round(sum(confidences) / len(confidences), 3) if confidences else None,
        "doubtful_masks": sum(value < DOUBTFUL for value in confidences) if confidences else None,
        "backgrounds": dict(sorted(kinds.items())),
        **whole.identity,
    }
    if options.as_json:
        click.echo(json.dumps(facts))
        return
    for name, value in {**facts, "bytes": format_size(whole.tar_bytes)}.items():
        click.echo("\n".join(_lines(name, value)))


def _lines(name: str, value: Any) -> list[str]:
    """A fact on one line; one that has parts, such as the options, on a line for each of them."""
    texts = [" ".join(value) if isinstance(value, list) else str(value)]
    if isinstance(value, dict) and value:
        texts = [f"{part}={one}" for part, one in value.items()]
    return [f"{'' if number else name:15} {text}" for number, text in enumerate(texts)]


def count_sparse(areas: Sequence[float]) -> tuple[int, int]:
    """How many masks have no foreground, and how many less than `SPECKS` of it.

    Example:
        >>> count_sparse([0.0, 0.002, 0.3])
        (1, 1)
    """
    from ..shards.coverage import SPECKS

    return sum(area == 0 for area in areas), sum(0 < area < SPECKS for area in areas)
