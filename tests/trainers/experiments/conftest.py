"""A small experiment."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_kit import write_experiment

from maskgen.trainers.experiments.read import read_experiment
from maskgen.trainers.experiments.spec import Experiment


@pytest.fixture
def experiment(tmp_path: Path) -> Experiment:
    return read_experiment(write_experiment(tmp_path))
