"""The library calls do the parts' work on the same sample, and leave it as it is."""

from __future__ import annotations

import copy
from pathlib import Path

from stage_kit import planned

from maskgen.pipelines.budget.limits import LibraryParts
from maskgen.pipelines.budget.parts import OwnParts, Sample
from maskgen.shards.plan import shard_rows


def test_calls_run_and_change_nothing(tmp_path: Path) -> None:
    config, plan = planned(tmp_path, method="fast")
    image = shard_rows(Path(config.options.output), 0)[0]
    parts, one = OwnParts(config, plan.members), Sample(image)
    for step in parts.steps().values():
        step(one)
    before = copy.deepcopy(one)
    calls = LibraryParts(config.options, tmp_path / "photos", {"ours": parts.infer}).calls()
    assert set(calls) == set(parts.steps())
    for limits in calls.values():
        for limit in limits:
            limit.step(one)
    assert before.members == one.members
    for name in ("pixels", "input", "map", "mask", "stored", "hard", "small"):
        assert (getattr(before, name) == getattr(one, name)).all(), name
