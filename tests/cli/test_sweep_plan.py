"""`train-ssl sweep`: a file's options are those of the commands that it will run."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_kit import write_experiment

from maskgen.cli.sweep_plan import Plan, find_method, make_plan
from maskgen.errors import UsageError
from maskgen.trainers.experiments.read import read_experiment
from maskgen.trainers.registry import METHOD_NAMES


def plan(folder: Path, old: str = "", new: str = "") -> Plan:
    places = {"shards": str(folder), "photos": str(folder)}
    found = read_experiment(write_experiment(folder, old, new))
    return make_plan(found, folder / "out", places, (0, 1), smoke=False)


@pytest.mark.parametrize("name", METHOD_NAMES)
def test_every_method_can_be_an_arm(name: str, tmp_path: Path) -> None:
    command = find_method(name, tmp_path, "two.toml")
    assert command.option("save-every", "two.toml") == "save_every"
    assert command.words({"sample": 8, "tensorboard": True}) == ["--sample", "8", "--tensorboard"]
    assert {"threads", "loader", "log_every"} <= command.machine
    with pytest.raises(UsageError, match="'set' is not given here"):
        command.option("set", "two.toml")


def test_arms_that_train_alike_are_told_at_smoke_size(tmp_path: Path) -> None:
    other = (
        '[[arm]]\nname = "long"\nmethod = "simsiam"\npreset = "smoke"\nsettings = { epochs = 8 }\n\n[[task]]'
    )
    row = 'row = [\n  { name = "long", arm = "long", published = [1] },'
    path = write_experiment(tmp_path, "[[task]]", other)
    path.write_text(path.read_text().replace("row = [", row, 1))
    places = {"shards": str(tmp_path), "photos": str(tmp_path)}
    notes = {
        small: make_plan(read_experiment(path), tmp_path, places, (0,), smoke=small).notes()
        for small in (False, True)
    }
    assert notes[False] == []
    (told,) = notes[True]
    assert told.endswith("what they differ in: plain, long.")


def test_all_of_a_file_is_listed(tmp_path: Path) -> None:
    made = plan(tmp_path)
    assert len(made.trainings) == 4
    assert [cell.name for cell in made.cells()[:2]] == [
        "plain/seed-0/probe/seed-0",
        "plain/seed-0/neighbors/seed-0",
    ]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('loader = "torch"', 'loader = "torches"', "arm 'plain'"),
        ('loader = "torch"', 'loader = "torches"', "did you mean 'torch'?"),
        ('loader = "torch"', "save_every = -1", "arm 'plain'"),
        ("epochs = 20", "epochs = 0", "task 'probe'"),
        ("k = [5]", "ks = [0]", "task 'neighbors'"),
        ("k = [5]", "kss = [5]", "did you mean 'ks'?"),
        ('command = "knn"', 'command = "kn"', "did you mean 'knn'?"),
        ('"{photos}", k', '"{photos}/none", k', "does not exist"),
    ],
)
def test_what_a_command_would_refuse_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, told: str
) -> None:
    with pytest.raises(UsageError) as error:
        plan(tmp_path, old, new)
    assert told in str(error.value)
    assert "two.toml" in str(error.value)
