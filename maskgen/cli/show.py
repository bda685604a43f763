"""`maskgen show`."""

from __future__ import annotations

import json
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from ..config.options import NewFolder, option
from ..errors import UsageError
from ..io.atomic import make_folder, write_atomic
from .options import DataFolder, Json, Spelling, click_command

if TYPE_CHECKING:
    from ..shards.reader import SampleBytes

WHOLE_BACKGROUND = "background.png"


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Options of `maskgen show`."""

    data: DataFolder = option(MISSING, "Folder of the data set.")
    key: Annotated[str, Spelling(argument=True)] = option(MISSING, "Key of the sample.")
    extract: NewFolder | None = option(
        None, "Write the sample's members into this folder, and the whole background where a patch is stored."
    )
    as_json: Json = option(False, "Print one JSON object.")


@click_command("show", ShowOptions)
def command(options: ShowOptions) -> None:
    """Where sample KEY of the data set in folder DATA lies, and its facts; with --extract also its files."""
    from ..shards import manifest, reader, table
    from ..shards.naming import JSON

    data, key = options.data, options.key
    whole = manifest.read(data)
    for record in whole.shards:
        rows = table.read(data / f"{record.name}.parquet").to_pylist()
        row = next((row for row in rows if row["key"] == key), None)
        if row is None:
            continue
        facts = {"shard": record.name, **{name: value for name, value in row.items() if value is not None}}
        if row["status"] == "ok":
            sample = next(reader.read_samples(data, record, whole.members, {key}))
            facts["json"] = json.loads(sample.members[JSON])
            if options.extract:
                _extract(sample, options.extract)
        click.echo(json.dumps(facts) if options.as_json else json.dumps(facts, indent=2))
        return
    raise UsageError(f"no sample {key!r}", where=str(data), remedy="maskgen status lists quarantined keys")


def _extract(sample: SampleBytes, folder: Path) -> None:
    make_folder(folder)
    for ext, content in sample.members.items():
        write_atomic(folder / f"{sample.key}.{ext}", content)
    whole = _whole_background(sample)
    if whole:
        write_atomic(folder / f"{sample.key}.{WHOLE_BACKGROUND}", whole)


def _whole_background(sample: SampleBytes) -> bytes:
    """The photo with its stored patch pasted, as a PNG.

    It is empty where the background is whole, or the photo lies elsewhere.
    """
    import cv2

    from ..shards import naming, patch

    members = sample.members
    if naming.stored_ext(naming.PHOTO, members) not in members or naming.BACKGROUND not in members:
        return b""
    if patch.background_box(members[naming.META]) == (0, 0, *patch.photo_size(members[naming.META])):
        return b""
    image = cv2.cvtColor(patch.read_background(members), cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".png", image)[1])
