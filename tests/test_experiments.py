"""Every file under experiments/ asks for presets, settings, tasks and options that there are."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from maskgen.cli.eval_ssl import load_task
from maskgen.cli.sweep_plan import make_plan
from maskgen.trainers.experiments.places import names_in
from maskgen.trainers.experiments.read import read_experiment
from maskgen.trainers.experiments.spec import Experiment

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted((ROOT / "experiments").rglob("*.toml"))


def is_file(experiment: Experiment, place: str) -> bool:
    """Whether an option that must be a file names the place alone."""
    for task in experiment.tasks:
        for one in load_task(task.command).params:
            flags = [one.name, *(flag.lstrip("-") for flag in one.opts)]
            wanted = [task.options[flag] for flag in flags if flag in task.options]
            if f"{{{place}}}" in wanted and isinstance(one.type, click.Path) and not one.type.dir_okay:
                return True
    return False


def make_places(experiment: Experiment, folder: Path) -> dict[str, str]:
    """What an experiment's data may lie in: empty files and folders."""
    made = {}
    for name in experiment.data:
        path = folder / name
        made[name] = str(path)
        if is_file(experiment, name):
            path.touch()
            continue
        if path.exists():
            continue
        for inner in ("train", "val"):
            (path / inner).mkdir(parents=True)
    return made


def test_there_are_files() -> None:
    assert FILES


@pytest.mark.parametrize("smoke", [False, True], ids=["full", "smoke"])
@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_every_arm_and_task_is_accepted(path: Path, smoke: bool, tmp_path: Path) -> None:
    experiment = read_experiment(path)
    places = make_places(experiment, tmp_path)
    plan = make_plan(experiment, tmp_path / "out", places, experiment.seeds, smoke=smoke)
    assert len(plan.trainings) == len(experiment.arms) * len(experiment.seeds)
    judged = {cell.checkpoint.name for cell in plan.cells()}
    assert judged == {one.name for one in plan.trainings}
    assert {one.task.name for one in plan.cells()} == {one.name for one in experiment.tasks}
    assert not names_in([one.words for one in plan.trainings])
    assert all(Path(one.checkpoint.source).is_absolute() for one in plan.cells())


@pytest.mark.parametrize("smoke", [False, True], ids=["full", "smoke"])
def test_what_judges_anothers_trainings_trains_none_anew(smoke: bool, tmp_path: Path) -> None:
    judges = [path for path in FILES if read_experiment(path).base]
    assert len(judges) >= 7
    for path in judges:
        found = read_experiment(path)
        base = read_experiment(path.parent / found.base)
        places = {**make_places(base, tmp_path), **make_places(found, tmp_path)}
        ours, theirs = (
            make_plan(one, tmp_path / "out", places, one.seeds, smoke=smoke) for one in (found, base)
        )
        trained = {one.name: one.settings for one in theirs.trainings}
        assert all(trained[one.name] == one.settings for one in ours.trainings)
        judged = {one.name: one.settings for one in theirs.cells()}
        shared = [one for one in ours.cells() if one.name in judged]
        assert all(judged[one.name] == one.settings for one in shared)
        assert shared or not any(task.name in {one.name for one in base.tasks} for task in found.tasks)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_arms_differ_and_papers_are_named(path: Path, tmp_path: Path) -> None:
    experiment = read_experiment(path)
    plan = make_plan(experiment, tmp_path, make_places(experiment, tmp_path), (0,), smoke=False)
    settings = [str(one.settings) for one in plan.trainings]
    assert len(set(settings)) == len(settings), "two arms train alike: let one have two rows"
    if experiment.paper:
        assert "https://" in experiment.paper
        assert all(re.search("[Tt]able|[Ff]igure|[Ss]ection", one.source) for one in experiment.tables)
