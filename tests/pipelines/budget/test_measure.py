"""The budget's parts are those of the worker, and nothing of the measuring is left behind."""

from __future__ import annotations

from pathlib import Path

import pytest
from stage_kit import planned

from maskgen.errors import UsageError
from maskgen.pipelines.budget.measure import Budget, Part, measure_budget
from maskgen.shards import naming


@pytest.mark.slow
def test_every_part_is_measured_and_nothing_is_left_behind(tmp_path: Path) -> None:
    config, plan = planned(tmp_path)
    files = sorted((tmp_path / "photos").iterdir())
    before = set(tmp_path.rglob("*"))
    budget = measure_budget(config, files, seconds=0.01)
    names = [part.name for part in budget.parts]
    assert names[:4] == ["read", "hash", "decode", "method"]
    assert names[-5:] == ["tar", "table", "index", "verify", "commit"]
    made = set(plan.members) - {naming.JSON, naming.META}
    assert made <= set(names)
    assert all(part.own_ms > 0 and part.limit_ms > 0 for part in budget.parts)
    assert budget.whole_ms > 0
    assert budget.photos >= 8  # five files, one of them no picture, in turns
    assert budget.pixels == 40 * 60
    assert set(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_photos_that_cannot_be_decoded_end_the_bench(tmp_path: Path) -> None:
    config, _ = planned(tmp_path)
    with pytest.raises(UsageError, match="none of the photos can be decoded"):
        measure_budget(config, [tmp_path / "photos" / "p3.jpg"], seconds=0.01)


def test_sums_by_hand() -> None:
    budget = Budget((Part("decode", 2.0, 1.5, "x"), Part("network", 7.0, 6.0, "y")), 10.0, 8, 1.0, 1.0, 1.0)
    assert (budget.own_ms, budget.limit_ms) == (9.0, 7.5)
    assert budget.network.own_ms == 7.0
    assert Budget((), 1.0, 8, 1.0, 1.0, 1.0).network.own_ms == 0.0
