"""Where original photos lie inside zip and TFRecord files: by the plan of the run that made their masks."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from maskgen.errors import ShardFault
from maskgen.io.storage.location import Location
from maskgen.io.storage.reading import ByteFile, open_bytes
from maskgen.io.zip_member import ContainerFault, find_content
from maskgen.shards import plan
from maskgen.shards.sealed_json import MEND
from maskgen.types import ByteRef

from .originals import Paths, Place


def lies_in_container(folder: Location, path: str) -> bool:
    """Whether a table's path is that of a record of a TFRecord file, or of a member of a zip file.

    Args:
        folder: of the originals.
        path: as the table has it: ``part.tfrecord#12``, ``train.zip/train/1.jpg``.
    """
    file, mark, number = path.rpartition("#")
    if mark and number.isdecimal() and (folder / file).is_file() and not (folder / path).exists():
        return True
    head, zipped, _ = path.partition(".zip/")
    return bool(zipped) and (folder / f"{head}.zip").is_file()


def find_planned(folder: Location, data: Location, shards: Sequence[Paths]) -> Iterator[Place]:
    """Where the photo of each sample lies.

    Args:
        folder: of the originals.
        data: the folder of the shards, with its plan.
        shards: what the tables say.

    Raises:
        ShardFault: the plan is not there, is not that of the shards, or a photo is not where it says.
    """
    head = _read_plan(data)
    numbers = {shard.name: number for number, shard in enumerate(head.shards)}
    with contextlib.ExitStack() as open_files:
        files: dict[str, ByteFile] = {}
        for paths in shards:
            images = plan.shard_rows(data, numbers[paths.shard]) if paths.shard in numbers else []
            rows = [plan.to_row(image) for image in images]
            if not rows or plan.rows_digest(rows) != head.shards[numbers[paths.shard]].digest:
                raise _no_plan(data, f"the plan here is not that of {paths.shard}")
            refs = {image.sample.key: image.ref for image in images}
            for key in paths.keys.to_pylist():
                if key not in refs:
                    raise _no_plan(data, f"the plan here has no {key}")
                file = refs[key].file
                if file not in files:  # photos of one file follow one another
                    open_files.close()
                    files = {file: open_files.enter_context(open_bytes(folder / _safe(file)))}
                yield _place(files[file], refs[key], key)


def _read_plan(data: Location) -> plan.Plan:
    try:
        return plan.read_plan(data)
    except (ShardFault, OSError) as error:
        raise _no_plan(data, str(error)) from error


def _no_plan(data: Location, cause: str) -> ShardFault:
    return ShardFault(
        "the photos lie in a zip or TFRecord file, and the plan that says where cannot be used",
        where=str(data),
        cause=cause,
        remedy="copy the plan along with the shards, or make them with --layout full",
    )


def _place(file: ByteFile, ref: ByteRef, key: str) -> Place:
    """Where the bytes of a photo begin in an open file, which must hold them."""
    offset, deflated = ref.offset, False
    try:
        if ref.codec == "zip":
            offset, deflated, _ = find_content(file.read_at, ref)
    except ContainerFault as fault:
        raise _absent(key, ref, fault.detail) from fault
    if ref.codec not in ("", "zip"):
        raise _absent(key, ref, "it is compressed as a whole; decompress the file before maskgen run")
    if min(offset, ref.size) < 0 or (not deflated and offset + ref.size > file.length()):
        raise _absent(key, ref, "it would lie beyond the end of the file")
    return Place(ref.file, offset, ref.size, deflated)


def _absent(key: str, ref: ByteRef, cause: str) -> ShardFault:
    return ShardFault(
        "a sample's photo is not among the originals",
        where=f"{key} in {ref.file} at byte {ref.offset}",
        cause=cause,
        arguments=[("photos", "<the run's --input, or its folder when that was one file>")],
    )


def _safe(file: str) -> str:
    """A path that stays below the folder it is taken from."""
    if Path(file).is_absolute() or any(part in ("", ".", "..") for part in file.split("/")):
        raise ShardFault("a plan names a file that leaves the folder", where=file[:200], remedy=MEND)
    return file
