"""The plan as it lies in the output folder: which shard holds which images, and what the run depends on."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from ..config.fingerprint import digest
from ..errors import ShardFault
from ..io.storage.location import Location
from ..types import ByteRef, Label
from . import naming, sealed_json
from .plan_table import is_whole, row_group
from .sample import SampleId


class PlannedShard(NamedTuple):
    """A shard of the plan: its stem, its number of images, and the digest of its rows."""

    name: str
    images: int
    digest: str


class PlannedImage(NamedTuple):
    """A row of the plan: the sample to be, and where its bytes lie."""

    sample: SampleId
    ref: ByteRef


@dataclass(frozen=True, slots=True)
class Plan:
    """The head of the plan; the rows are in ``plan.table``, see `plan_table`.

    Args:
        identity: everything the bytes of the shards depend on: options, versions, weights, plan digest.
        members: extensions that every sample has, in tar order.
        images: planned images.
        source_bytes: their size as files.
        shards: the shard table.
        notes: what the source left out, as sentences.
        table_sha256: of the table.
    """

    identity: dict[str, Any]
    members: tuple[str, ...]
    images: int
    source_bytes: int
    shards: tuple[PlannedShard, ...]
    notes: tuple[str, ...]
    table_sha256: str = ""

    @property
    def format(self) -> int:
        """Version of the shard format that the run writes."""
        return format_of(self.identity)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the identity."""
        return digest(self.identity)

    def render(self) -> bytes:
        """The bytes of ``plan.json``."""
        return sealed_json.render(asdict(self))


def format_of(identity: dict[str, Any]) -> int:
    """The version of the shard format that an identity is of.

    Since format 3 it says so.

    Raises:
        TypeError: the version is no number.
    """
    version = identity.get("format", 2)
    if type(version) is not int:
        raise TypeError(f"the format is {version!r}")
    return version


def read_plan(output: Location) -> Plan:
    """Read ``plan.json``.

    Raises:
        ShardFault: absent or damaged.
    """
    raw = sealed_json.read(output / naming.PLAN)
    try:
        shards = tuple(PlannedShard(*row) for row in raw.pop("shards"))
        texts = {"members": tuple(raw["members"]), "notes": tuple(raw["notes"])}
        plan = Plan(**{**raw, **texts}, shards=shards)
        known = plan.format in naming.READABLE
    except (KeyError, TypeError, AttributeError) as error:
        raise ShardFault(
            "the plan has other fields",
            where=naming.PLAN,
            cause=repr(error),
            remedy="copy plan.json again, or choose another --output",
        ) from error
    if not known:
        raise ShardFault(
            f"the plan is of shard format {plan.format}",
            where=naming.PLAN,
            cause="another version of maskgen made it",
            remedy="go on with that version, or choose another --output",
        )
    _check_shards(plan)
    return plan


def _check_shards(plan: Plan) -> None:
    """Make sure that shards have names, each once, and hold what the plan does: runs write by it.

    Raises:
        ShardFault: a name is a path or comes twice, or the numbers of images do not add up.
    """
    typed = all(type(shard.name) is str and type(shard.images) is int for shard in plan.shards)
    named = typed and all(naming.KEY.match(shard.name) and shard.images > 0 for shard in plan.shards)
    if (
        not named
        or len({shard.name for shard in plan.shards}) != len(plan.shards)
        or sum(shard.images for shard in plan.shards) != plan.images
    ):
        raise ShardFault(
            "the plan's shards are not ones this tool writes",
            where=naming.PLAN,
            remedy="copy plan.json again, or choose another --output",
        )


def to_row(image: PlannedImage) -> dict[str, Any]:
    """A planned image as a row of the table."""
    sample, ref = image
    return {
        "key": sample.key,
        "path": sample.path,
        "label": json.dumps(sample.label),
        "file": ref.file,
        "offset": ref.offset,
        "size": ref.size,
        "codec": ref.codec,
        "member": ref.member,
    }


def from_row(row: dict[str, Any]) -> PlannedImage:
    """The inverse of `to_row`."""
    raw = json.loads(row["label"])
    label: Label = tuple(raw) if isinstance(raw, list) else raw
    ref = ByteRef(row["file"], row["offset"], row["size"], row["codec"], row["member"])
    return PlannedImage(SampleId(row["key"], label, row["path"]), ref)


def shard_rows(output: Location, number: int, wanted: str = "") -> list[PlannedImage]:
    """The planned images of one shard; only they are read.

    Args:
        output: the folder of the table.
        number: of the shard.
        wanted: the digest that the plan has of them; empty: they are not compared.

    Raises:
        ShardFault: the table is damaged or shorter, or the rows are others.
    """
    with row_group(output, number) as rows:
        raw = rows.to_pylist()
        images = [from_row(row) for row in raw]
    if wanted and rows_digest(raw) != wanted:
        raise ShardFault(
            f"the plan's rows of shard {number} are not those planned",
            where=str(output),
            cause="another table than that of plan.json, or damage",
            remedy="run the same command with --recheck, which makes the table again",
        )
    return images


def shard_files(output: Location, number: int) -> list[str]:
    """The source file that holds each image of one shard, relative to the source's root.

    Raises:
        ShardFault: the table is damaged or shorter.
    """
    with row_group(output, number, ["file"]) as rows:
        files: list[str] = rows["file"].to_pylist()
        return files


def has_rows_of(output: Location, plan: Plan) -> bool:
    """Whether the table of a plan is here: whole, and with its rows where they are looked at, at both ends.

    Args:
        output: the folder of the table, which another plan's may lie in.
        plan: it.
    """
    try:
        for number in sorted({0, len(plan.shards) - 1}):
            shard_rows(output, number, plan.shards[number].digest)
    except ShardFault:
        return False
    return is_whole(output, len(plan.shards))


def rows_digest(rows: list[dict[str, Any]]) -> str:
    """The digest of a shard's rows."""
    return digest(rows)
