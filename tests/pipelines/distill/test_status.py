"""How far a training is, from its records alone."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch")

from kills import do, request

from maskgen.pipelines.distill.run import STEPS, begin
from maskgen.pipelines.distill.settings.settings import read_settings
from maskgen.pipelines.distill.status import fusion, rounds, status, steps_done
from maskgen.pipelines.distill.work_folder import open_work_folder

pytestmark = pytest.mark.slow


def test_a_training_that_has_just_begun_has_done_nothing(discs: Path, tmp_path: Path) -> None:
    work, settings, _ = begin(request(tmp_path / "work", discs))
    assert steps_done(work, settings) == dict.fromkeys(STEPS, False)
    facts = status(work, settings)
    assert (facts["complete"], facts["photos"], facts["priors"], facts["phases"]) == (False, 0, 0, [])


def test_once_the_priors_are_there_the_phases_can_be_told(mapped: Path) -> None:
    work = open_work_folder(mapped)
    settings = read_settings(work)
    assert steps_done(work, settings) == {step: step in ("photos", "priors") for step in STEPS}
    names = [f"{prior}-round-{number}" for prior in ("rbd", "mc") for number in (1, 2)]
    assert [one.name for one in rounds(work, settings)] == names
    assert fusion(work, settings).labels == ("labels/rbd/2", "labels/mc/2")
    facts = status(work, settings)
    assert [(one["name"], one["epochs"], one["done"]) for one in facts["phases"]] == [
        (name, "0/2", False) for name in (*names, "fusion")
    ]
    assert facts["means"].keys() == {"rbd", "mc"}


def test_an_export_counts_when_it_lies_in_the_trainings_folder(copy: Path, tmp_path: Path) -> None:
    work = do(copy)
    settings = read_settings(work)
    assert all(steps_done(work, settings).values())
    assert status(work, settings)["complete"]
    (copy / "deepusps.safetensors").unlink()
    assert steps_done(work, settings) == {step: step != "export" for step in STEPS}
    assert all(one["done"] and one["loss"] > 0 for one in status(work, settings)["phases"])
