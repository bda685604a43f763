"""`maskgen show`."""

from __future__ import annotations

import difflib
import json
from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from ..config.counted import counted
from ..config.options import NewFolder, option
from ..errors import UsageError
from ..io.atomic import make_folder, write_atomic
from ..io.storage.location import Location
from .options import DataFolder, Json, Spelling, click_command

if TYPE_CHECKING:
    from ..shards.manifest import Manifest
    from ..shards.reader import SampleBytes
    from ..shards.record import Record

WHOLE_BACKGROUND = "background.png"
_COMPARED = 20_000
"""Keys that a mistyped one is compared with at most: more take seconds."""


@dataclass(frozen=True, kw_only=True)
class ShowOptions:
    """Options of `maskgen show`."""

    data: DataFolder = option(MISSING, "Folder of the data set, or its address (s3://...).")
    key: Annotated[str, Spelling(argument=True)] = option(
        MISSING, "Key of the sample, or the path of its photo."
    )
    extract: NewFolder | None = option(
        None, "Write the sample's members into this folder, and the whole background where a patch is stored."
    )
    as_json: Json = option(False, "Print one JSON object.")


@click_command("show", ShowOptions)
def command(options: ShowOptions) -> None:
    """Where sample KEY of the data set in folder DATA lies, and its facts; with --extract also its files.

    KEY may also be the path of the photo.
    """
    from ..shards import manifest, reader, table
    from ..shards.naming import JSON
    from ..shards.sample import facts_of

    data = options.data
    whole = manifest.read(data)
    record, key = _find(data, whole, options.key)
    rows = table.read(data / f"{record.name}.parquet").to_pylist()
    row = next(row for row in rows if row["key"] == key)
    facts = {"shard": record.name, **{name: value for name, value in row.items() if value is not None}}
    if row["status"] == "ok":
        sample = next(reader.read_samples(data, record, whole.members, {key}))
        options_of_run = whole.identity["options"]
        facts["json"] = (
            json.loads(sample.members[JSON]) if JSON in sample.members else facts_of(row, options_of_run)
        )
        if options.extract:
            count = _extract(sample, options.extract)
            click.echo(f"maskgen: note: {counted(count, 'file')} written into {options.extract}", err=True)
    elif options.extract:
        click.echo("maskgen: note: nothing to extract, the photo is in quarantine", err=True)
    click.echo(json.dumps(facts) if options.as_json else json.dumps(facts, indent=2))


def _find(data: Location, whole: Manifest, name: str) -> tuple[Record, str]:
    """The shard and the key of a sample that is named by its key, or by the path of its photo.

    Raises:
        UsageError: there is none, or the end of the path could mean several.
    """
    from ..shards import table

    keys: list[str] = []
    by_path: dict[str, tuple[Record, str]] = {}
    for record in whole.shards:
        columns = table.read(data / f"{record.name}.parquet", ["key", "path"])
        names = columns["key"].to_pylist()
        if name in names:
            return record, name
        for key, path in zip(names, columns["path"].to_pylist(), strict=True):
            if name == path or name.endswith(f"/{path}"):
                by_path[path] = record, key
        keys += names
    if name in by_path or len(by_path) == 1:
        return by_path.get(name) or next(iter(by_path.values()))
    if by_path:
        found = ", ".join(key for _, key in by_path.values())
        raise UsageError(f"several photos end as {name!r}", where=str(data), remedy=f"give a key: {found}")
    alike = difflib.get_close_matches(name, keys, n=1) if len(keys) <= _COMPARED else []
    listed = "a key is the photo's path below --input with _ for / and no ending"
    raise UsageError(
        f"no sample {name!r}", where=str(data), remedy=f"did you mean {alike[0]!r}?" if alike else listed
    )


def _extract(sample: SampleBytes, folder: Path) -> int:
    """Write a sample's files, and return how many."""
    make_folder(folder)
    for ext, content in sample.members.items():
        write_atomic(folder / f"{sample.key}.{ext}", content)
    whole = _whole_background(sample)
    if whole:
        write_atomic(folder / f"{sample.key}.{WHOLE_BACKGROUND}", whole)
    return len(sample.members) + bool(whole)


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
