"""A training's folder and its process."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from experiment_kit import toy_method

from maskgen.processes.jobs import start_python
from maskgen.processes.places import Place
from maskgen.trainers.experiments.run import PROGRAM, TrainingFolder, TrainingJob
from maskgen.trainers.experiments.spec import Experiment
from maskgen.trainers.experiments.trainings import list_trainings


@pytest.fixture
def folder(experiment: Experiment, tmp_path: Path) -> TrainingFolder:
    made = list_trainings(experiment, toy_method, {"shards": "/shards"}, seeds=(0,))
    return TrainingFolder(made[0], tmp_path / "out")


def test_a_training_writes_below_its_arm_and_seed(folder: TrainingFolder, tmp_path: Path) -> None:
    job = TrainingJob(folder)
    assert job.name == "plain/seed-0"
    assert job.words(Place(("cuda:1",)))[-4:] == [
        "--output",
        str(tmp_path / "out/plain/seed-0/training/run"),
        "--device",
        "cuda",
    ]
    assert job.log == tmp_path / "out/plain/seed-0/training/log.txt"


def test_it_is_done_when_its_backbone_is_there(folder: TrainingFolder) -> None:
    job = TrainingJob(folder)
    job.note("begun")
    folder.run.mkdir()
    assert not job.is_complete()
    assert not folder.is_done()
    (folder.run / "backbone.safetensors").touch()
    assert job.is_complete()
    assert not folder.is_done()
    job.note("done")
    assert folder.is_done()
    assert folder.changes() == []
    (folder.run / "backbone.safetensors").unlink()
    assert not folder.is_done()


@pytest.mark.slow
def test_a_training_is_a_process_whose_words_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    process = start_python(tmp_path, [*PROGRAM, "simsam"], log, Place(("cpu",)))
    while process.poll() is None:
        time.sleep(0.05)
    assert process.poll() == 2
    assert "simsiam" in log.read_text()
