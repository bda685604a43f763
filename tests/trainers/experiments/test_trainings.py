"""An arm and a seed become one command, whose settings are what its weights depend on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from experiment_kit import toy_method, write_experiment

from maskgen.errors import UsageError
from maskgen.trainers.experiments.read import read_experiment
from maskgen.trainers.experiments.spec import Experiment
from maskgen.trainers.experiments.trainings import choose_seeds, find_alike, list_trainings

PLACES = {"shards": "/shards"}


def test_each_arm_is_trained_with_each_seed(experiment: Experiment) -> None:
    made = list_trainings(experiment, toy_method, PLACES, seeds=(0, 1))
    assert [one.name for one in made] == ["plain/seed-0", "bg-rm/seed-0", "plain/seed-1", "bg-rm/seed-1"]
    assert made[3].words == [
        *("mocov2", "--preset", "smoke", "--set", "recipe=mocov2-bg-rm", "--set", "view_px=24"),
        *("--set", "epochs=2", "--set", "views.0.background.p=0.5"),
        *("--data", "/shards", "--loader", "torch", "--threads", "1", "--seed", "1"),
    ]
    first, second = made[3].preset.views.views
    assert (first.background.replace, first.background.p, second.background.p) == ("grey", 0.5, 0.2)
    assert first.size == 24


def test_settings_hold_what_changes_the_weights_only(experiment: Experiment) -> None:
    settings = list_trainings(experiment, toy_method, PLACES, seeds=(7,))[0].settings
    assert settings["options"] == {"data": "/shards"}
    assert (settings["method"], settings["seed"], settings["preset"]["epochs"]) == ("simsiam", 7, 4)


def test_smoke_is_small_and_has_the_last_word(experiment: Experiment) -> None:
    _, small = list_trainings(experiment, toy_method, PLACES, seeds=(0,), smoke=True)
    assert (small.preset.backbone, small.preset.epochs, small.preset.views.views[0].size) == ("tiny", 1, 32)
    assert small.preset.views.views[0].background.p == 0.5
    assert small.options["sample"] == 16


def test_arms_that_differ_in_a_size_alone_are_alike_at_smoke_size(experiment: Experiment) -> None:
    arm = replace(experiment.arms[1], name="long", settings={**experiment.arms[1].settings, "queue": 64})
    found = replace(experiment, arms=(*experiment.arms, arm))
    assert find_alike(list_trainings(found, toy_method, PLACES, seeds=(0, 1))) == []
    small = list_trainings(found, toy_method, PLACES, seeds=(0, 1), smoke=True)
    assert find_alike(small) == [["bg-rm", "long"]]


def test_a_recipe_file_lies_beside_the_experiment(tmp_path: Path) -> None:
    from maskgen.loaders import RECIPES
    from maskgen.loaders.recipes.text import render_recipe

    (tmp_path / "mine.toml").write_text(render_recipe(RECIPES["mocov2-bg-random"]))
    path = write_experiment(tmp_path, '"mocov2-bg-rm"', '"mine.toml"')
    made = list_trainings(read_experiment(path), toy_method, PLACES, seeds=(0,))[1]
    assert f"recipe={tmp_path}/mine.toml" in made.words
    assert made.preset.views.views[1].background.replace == "donor"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("epochs = 2,", "epoch = 2,", "did you mean 'epochs'?"),
        ("epochs = 2,", "epochs = 0,", "epochs must be"),
        ("epochs = 2,", "prototypes = 2,", "mocov2 does not use it"),
        ("views.0.background.p", "views.9.background.p", "views.9"),
        ('"mocov2-bg-rm"', '"mocov2-bg-rn"', "did you mean 'mocov2-bg-rm'?"),
        ("threads = 1", "tread = 1", "has no option 'tread'"),
        ("threads = 1", "seed = 1", "see preset, recipe, settings and seeds"),
    ],
)
def test_mistakes_are_named_with_the_arm(tmp_path: Path, old: str, new: str, told: str) -> None:
    found = read_experiment(write_experiment(tmp_path, old, new))
    with pytest.raises(UsageError) as error:
        list_trainings(found, toy_method, PLACES, seeds=(0,))
    assert told in str(error.value)
    assert "two.toml: arm '" in str(error.value)


def test_seeds_are_the_first_of_the_file_and_then_the_next_numbers(experiment: Experiment) -> None:
    assert [choose_seeds(experiment, count) for count in (0, 1, 4)] == [(0, 1), (0,), (0, 1, 2, 3)]
