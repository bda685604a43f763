"""The pace of a step, and what it says about the time that is left."""

from __future__ import annotations

import time

import pytest

from maskgen.pipelines.distill.progress import Pace, Progress


def test_the_time_left_follows_from_this_runs_units_alone() -> None:
    told: list[Progress] = []
    pace = Pace("train", "epochs", 10, told.append, done=4, started=time.monotonic() - 6)
    pace.add(2, "round 1", "loss .4")
    (at,) = told
    assert (at.step, at.unit, at.done, at.total) == ("train", "epochs", 6, 10)
    assert (at.detail, at.facts) == ("round 1", "loss .4")
    assert at.left_s == pytest.approx(3 * 4, rel=0.2)  # 3 s a unit, four to go


def test_before_the_first_unit_nothing_is_known_about_the_time() -> None:
    told: list[Progress] = []
    Pace("photos", "photos", 3, told.append).begin("decoding")
    assert told == [Progress("photos", "decoding", 0, 3, "photos", None)]


def test_a_unit_that_counted_for_nothing_is_reported_too() -> None:
    told: list[Progress] = []
    Pace("photos", "photos", 3, told.append).add(0)
    assert (told[0].done, told[0].total) == (0, 3)
