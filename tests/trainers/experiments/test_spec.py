"""What an experiment's file says, as dataclasses."""

from __future__ import annotations

import dataclasses

import pytest

from maskgen.trainers.experiments.spec import Experiment


def test_a_file_becomes_an_experiment_that_cannot_be_changed(experiment: Experiment) -> None:
    assert experiment.path.name == "two.toml"
    assert [(one.name, one.method, one.preset) for one in experiment.arms] == [
        ("plain", "simsiam", "smoke"),
        ("bg-rm", "mocov2", "smoke"),
    ]
    assert experiment.arms[1].recipe == "mocov2-bg-rm"
    assert experiment.training.settings == {"view_px": 24}
    assert experiment.smoke.options == {"sample": 16}
    assert experiment.tasks[0].smoke == {"epochs": 2}
    assert experiment.tables[0].rows[1].published == ("71.2 ± 0.1", "")
    with pytest.raises(dataclasses.FrozenInstanceError):
        experiment.title = ""  # type: ignore[misc]
