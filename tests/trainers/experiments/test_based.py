"""A file with a base has that one's trainings, and its own tasks and tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_kit import toy_method, write_experiment

from maskgen.errors import UsageError
from maskgen.trainers.experiments.read import read_experiment
from maskgen.trainers.experiments.trainings import list_trainings

TEXT = """
title = "Judged again"
base = "two.toml"
paper = "Somebody et al., A paper"

[data]
hard = "harder photos"

[[task]]
name = "robust"
command = "robust"
options = { head = "probe", set = ["a={hard}"] }

[[table]]
title = "Harder"
source = "Table 2"
column = [{ name = "A", task = "robust", metric = "sets.a.top1" }]
row = [{ name = "MoCo v2", arm = "bg-rm", published = [3.1] }]
"""


def write(folder: Path, old: str = "", new: str = "") -> Path:
    write_experiment(folder)
    assert old in TEXT
    path = folder / "again.toml"
    path.write_text(TEXT.replace(old, new, 1) if old else TEXT)
    return path


def test_it_has_the_trainings_that_its_rows_show_and_the_tasks_that_it_needs(tmp_path: Path) -> None:
    found = read_experiment(write(tmp_path))
    base = read_experiment(tmp_path / "two.toml")
    assert [arm.name for arm in found.arms] == ["bg-rm"]
    assert [task.name for task in found.tasks] == ["probe", "robust"]
    assert list(found.data) == ["shards", "photos", "hard"]
    assert (found.seeds, found.report, base.report) == ((0, 1), "report-again", "report")
    places = {"shards": "/shards"}
    ours, theirs = (
        {one.name: one.settings for one in list_trainings(each, toy_method, places, seeds=(0, 1))}
        for each in (found, base)
    )
    assert ours.items() <= theirs.items()
    assert ours.keys() == {"bg-rm/seed-0", "bg-rm/seed-1"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('arm = "bg-rm"', 'arm = "bg-rmm"', "did you mean 'bg-rm'?"),
        ('name = "robust"', 'name = "neighbors"', "the base has a task 'neighbors' too"),
        ("[data]", "seeds = [3]\n[data]", "the file has 'seeds' beside base"),
        ("[data]", "[training]\n[data]", "the file has 'training' beside base"),
        ("two.toml", "again.toml", "judges another's trainings itself"),
        ("two.toml", "three.toml", "cannot read the experiment"),
        ('hard = "harder photos"', 'hard = "x"\nmore = "y"', "nothing uses the place 'more'"),
        ('head = "probe"', 'head = "neighbors"', ""),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = write(tmp_path, old, new)
    if not told:
        assert [task.name for task in read_experiment(path).tasks] == ["neighbors", "robust"]
        return
    with pytest.raises(UsageError) as error:
        read_experiment(path)
    assert told in str(error.value)
