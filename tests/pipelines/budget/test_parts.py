"""The parts in turn make the sample that the worker makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stage_kit import planned

from maskgen.pipelines.budget.parts import OwnParts, Sample
from maskgen.pipelines.shard.stages import Decoded, Masked, Stages
from maskgen.shards import naming
from maskgen.shards.plan import shard_rows


@pytest.mark.parametrize("options", [{}, {"members": "lean", "background": "none"}, {"binary": True}])
def test_members_are_those_of_the_worker(tmp_path: Path, options: dict[str, Any]) -> None:
    config, plan = planned(tmp_path, **options)
    image = shard_rows(Path(config.options.output), 0)[0]
    parts, one = OwnParts(config, plan.members), Sample(image)
    for step in parts.steps().values():
        step(one)
    stages = Stages(config, plan.members, parts.method())
    photo = stages.decode(image)
    assert isinstance(photo, Decoded)
    masked = stages.mask(photo)
    assert isinstance(masked, Masked)
    wanted = dict(stages.encode(masked, stages.fill(masked)).members)
    assert one.sha256 == photo.sha256
    assert one.data == wanted[naming.PHOTO]
    assert one.members[naming.MASK] == wanted[naming.MASK]
    assert one.members.get(naming.BACKGROUND) == wanted.get(naming.BACKGROUND)
    if naming.FG in wanted:
        assert one.small.tobytes() == wanted[naming.FG]
        assert one.members[naming.SAT] == wanted[naming.SAT]
