"""Every part of a shard gets a time, and its files can be removed."""

from __future__ import annotations

from pathlib import Path

from stage_kit import planned

from maskgen.pipelines.budget.shard_parts import (
    SHARD_LIMITS,
    remove_shard,
    time_shard,
    time_shard_limits,
)
from maskgen.pipelines.shard.stages import Decoded, Masked, Stages
from maskgen.shards import naming
from maskgen.shards.plan import shard_rows


def test_parts_and_limits_have_times_and_files_go(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    stages = Stages(config, plan.members)
    image = shard_rows(Path(config.options.output), 0)[0]
    photo = stages.decode(image)
    assert isinstance(photo, Decoded)
    masked = stages.mask(photo)
    assert isinstance(masked, Masked)
    samples = [(stages.encode(masked, stages.fill(masked)), photo.sha256)]
    folder = tmp_path / "scratch"
    (folder / naming.RECORDS).mkdir(parents=True)
    own = time_shard(folder, "budget-000000", samples)
    limits = time_shard_limits(folder, "budget-000000", samples)
    assert set(limits) == set(SHARD_LIMITS) < set(own)
    assert all(spent > 0 for spent in (*own.values(), *limits.values()))
    assert (folder / "budget-000000.tar").exists()
    remove_shard(folder, "budget-000000")
    assert [path.name for path in folder.rglob("*")] == [naming.RECORDS]
