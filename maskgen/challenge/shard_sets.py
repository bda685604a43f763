"""A variant as shards of its own: a data set that every reader of ours opens, verified like any other."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from maskgen.loaders import Dataset
from maskgen.pipelines.resolve import library_versions

from ..backgrounds.rectangle import largest_free_rectangle
from ..config.fingerprint import digest
from ..config.run_config import RunConfig
from ..io.arrow import table_of
from ..io.atomic import file_sha256, make_folder, sweep_partials, write_atomic
from ..shards import manifest, naming
from ..shards.commit import ShardWriter
from ..shards.kept import drop
from ..shards.plan import Plan, PlannedImage, PlannedShard, rows_digest, to_row
from ..shards.plan_table import ROWS, write_table
from ..shards.sample import Encoded, SampleId, StoredPhoto, encode_sample, store_mask
from ..types import RGB, ByteRef, HardMask
from .settings import Settings

FOLDER = "shards"


@dataclass(frozen=True, slots=True)
class ShardSet:
    """One variant's data set.

    Args:
        folder: of the data set.
        plan: of it.
        config: as of a run that made it.
    """

    folder: Path
    plan: Plan
    config: RunConfig

    def writer(self, part: int) -> ShardWriter:
        """Of one shard."""
        shard = self.plan.shards[part]
        return ShardWriter(self.folder, shard.name, self.plan.members, self.plan.fingerprint)

    def finish(self) -> None:
        """Write the manifest.

        Raises:
            ShardFault: a commit record is damaged or of another challenge.
            EnvironmentFault: the disk is full, broken or read-only.
        """
        manifest.write(self.folder, self.plan)


def config_of(source: Dataset, settings: Settings) -> RunConfig:
    """The configuration that a challenge's shards state: that of the source, masks 1-bit, no background."""
    options = source.manifest.identity["options"]
    return RunConfig(
        dataset=options["dataset"],
        output="",
        method=options["method"],
        threshold=float(options["threshold"]),
        split="val",
        background="none",
        binary=True,
        photo_format=settings.photo_format,
        shard_size=settings.shard_size,
    )


def versions_of(config: RunConfig) -> dict[str, str]:
    """Versions of the distributions that shape the pictures: masks are read, not made."""
    return library_versions(replace(config, method="box"))


def open_set(
    output: Path, variant: str, parts: Sequence[Sequence[SampleId]], config: RunConfig, facts: dict[str, Any]
) -> ShardSet:
    """Write the plan of a variant's shards, or find its equal there.

    Args:
        output: of the challenge.
        variant: of its pictures.
        parts: the samples of each shard.
        config: from `config_of`.
        facts: what else the pictures depend on, the ``versions`` of libraries among it.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    folder = output / FOLDER / variant
    make_folder(folder / naming.RECORDS)
    _sweep(folder)
    shards, tables, sink = [], [], io.BytesIO()
    for number, samples in enumerate(parts):
        rows = [to_row(PlannedImage(sample, ByteRef(sample.path, 0, 0))) for sample in samples]
        tables.append(table_of(rows, ROWS))
        name = naming.shard_name(variant, config.split, number)
        shards.append(PlannedShard(name, len(rows), rows_digest(rows)))
    write_table(sink, tables)
    write_atomic(folder / naming.PLAN_TABLE, sink.getvalue())
    identity = {
        "format": naming.FORMAT_VERSION,
        "options": config.fingerprint_fields(),
        "versions": facts["versions"],
        "weights_sha256": "",
        "plan": digest([list(shard) for shard in shards]),
        "challenge": {
            **{name: fact for name, fact in facts.items() if name != "versions"},
            "variant": variant,
        },
    }
    members = naming.members(
        photo=True, background=False, classes=True, lossless=config.photo_format == naming.LOSSLESS_PHOTO
    )
    count = sum(shard.images for shard in shards)
    plan = Plan(identity, members, count, 0, tuple(shards), (), file_sha256(folder / naming.PLAN_TABLE))
    write_atomic(folder / naming.PLAN, plan.render())
    return ShardSet(folder, plan, config)


def _sweep(folder: Path) -> None:
    """Clear what dead processes have left: a shard is made in seconds, nothing of it is worth keeping."""
    sweep_partials(folder)
    sweep_partials(folder / naming.RECORDS)
    for kept in folder.glob(".*.kept"):
        drop(folder, kept.name[1:].partition(".")[0])


def encode(sample: SampleId, picture: RGB, mask: HardMask, config: RunConfig) -> Encoded:
    """A picture as a sample; its mask is that of the photo's foreground, also where that was removed.

    Args:
        sample: key, label and path.
        picture: (S, S, 3) uint8 RGB.
        mask: (S, S) bool.
        config: from `config_of`.
    """
    pair = store_mask(mask.astype("float32"), 0.5, config)
    return encode_sample(sample, StoredPhoto(picture), pair, None, largest_free_rectangle(mask), config)
