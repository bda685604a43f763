"""What each phase learns from and leaves."""

from __future__ import annotations

import pytest

from maskgen.pipelines.distill.settings.overrides import with_overrides
from maskgen.pipelines.distill.settings.presets import (
    FAST,
    RELICV2,
)
from maskgen.pipelines.distill.store import record_of
from maskgen.pipelines.distill.training.schedule import schedule_fusion, schedule_rounds


def test_joint_rounds_learn_from_all_priors_and_leave_labels_for_each() -> None:
    preset = with_overrides(FAST, ("rounds=2", "joint=yes", "priors=mc,vote", "cut=no"))
    first, second = schedule_rounds(preset, {"mc": 0.2, "vote": 0.3})
    assert (first.name, first.group) == ("all-round-1", "all")
    assert first.labels == ("priors/mc", "priors/vote")
    assert first.thresholds == pytest.approx((0.3, 0.5))
    assert first.leaves == second.labels == ("labels/all/1/mc", "labels/all/1/vote")
    assert {record_of(name) for name in second.leaves} == {second.name}
    assert schedule_fusion(preset, {}).labels == second.leaves


def test_each_prior_has_its_own_rounds_as_released() -> None:
    trainings = schedule_rounds(RELICV2, dict.fromkeys(RELICV2.priors, 0.2))
    assert [one.name for one in trainings[:4]] == ["rbd-round-1", "rbd-round-2", "rbd-round-3", "mr-round-1"]
    assert trainings[1].labels == trainings[0].leaves == ("labels/rbd/1",)
    assert {record_of(name) for one in trainings for name in one.leaves} == {one.name for one in trainings}
