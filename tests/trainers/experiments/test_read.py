"""A mistake in an experiment's file is told with the file, the place and the nearest name."""

from __future__ import annotations

from pathlib import Path

import pytest
from experiment_kit import TEXT, write_experiment

from maskgen.errors import UsageError
from maskgen.trainers.experiments.read import read_experiment


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("[[arm]]", "[[arms]]", "did you mean 'arm'?"),
        ('preset = "smoke"', 'presett = "smoke"', "two.toml: arm 1: did you mean 'preset'?"),
        ('preset = "smoke"', "", "arm 1 lacks 'preset'"),
        ('preset = "smoke"', 'preset = "smok"', "arm 'plain': did you mean 'smoke'?"),
        ('method = "simsiam"', 'method = "simsam"', "did you mean 'simsiam'?"),
        ('name = "bg-rm"', 'name = "plain"', "two arms are called 'plain'"),
        ('name = "bg-rm"', 'name = "bg/rm"', "cannot name a folder"),
        ('name = "probe"', 'name = "training"', "a task cannot be called 'training'"),
        ("seeds = [0, 1]", "seeds = [1, 1]", "a seed comes twice"),
        ("seeds = [0, 1]", "seeds = []", "there is none"),
        ("seeds = [0, 1]", "seeds = [-1]", "seeds must be"),
        ("[training]\noptions", "[training]\noption", "did you mean 'options'?"),
        ('task = "probe"', 'task = "prob"', "there is no task 'prob'"),
        ('arm = "bg-rm"', 'arm = "bg-random"', "there is no arm 'bg-random'"),
        ('arm = "bg-rm", ', "", "no table has a row of this arm"),
        ('"bg-rm", published = ["71.2 ± 0.1", ""]', '"bg-rm"', "the arm has no published figure"),
        ('"bg-rm", published = ["71.2 ± 0.1", ""]', '"bg-rm", published = ["", ""]', "no published figure"),
        ("[70.1, 60.2]", "[70.1, 60.2, 1]", "3 published figures, the table 2 columns"),
        ('source = "Table 1"', "", "does not say where its figures are from"),
        ("{shards}", "{shard}", "did you mean 'shards'?"),
        ("{shards}", "shards", "nothing uses the place 'shards'"),
        ('"shards of anything"', '""', "shards does not say what lies there"),
        ("title =", "title", "cannot read the experiment"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        read_experiment(write_experiment(tmp_path, old, new))
    assert told in str(error.value).replace("\n  Next: ", ": ")
    assert "two.toml" in str(error.value)


PLOT = """
[[plot]]
title = "p"
source = "Figure 1"
x = [0, 1]
task = "probe"
metric = "top1"
line = [
  { name = "arms", arms = ["plain", "bg-rm"], published = [1, ""] },
  { name = "other", published = [1, 2] },
]
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('"plain", "bg-rm"', '"plain", "bg-rmm"', "did you mean 'bg-rm'?"),
        ("x = [0, 1]", "x = [0, 1, 2]", "'arms' has 2 places, the plot 3"),
        ("published = [1, 2]", "published = [1]", "'other' has 1 places, the plot 2"),
        ('"other", published = [1, 2]', '"other"', "'other' has 0 places"),
        ('published = [1, ""]', 'published = [1, "a"]', "is no number"),
        ('source = "Figure 1"', "", "does not say where its figures are from"),
        ("[[plot]]", "[[plots]]", "did you mean 'plot'?"),
        ('task = "probe"', 'task = "prob"', "there is no task 'prob'"),
    ],
)
def test_mistakes_of_plots_are_named(tmp_path: Path, old: str, new: str, told: str) -> None:
    path = tmp_path / "two.toml"
    path.write_text(TEXT + PLOT)
    assert read_experiment(path).plots[0].places == ("0", "1")
    assert old in PLOT
    path.write_text(TEXT + PLOT.replace(old, new))
    with pytest.raises(UsageError) as error:
        read_experiment(path)
    assert told in str(error.value)


def test_an_experiment_of_nobody_elses_needs_no_figures(tmp_path: Path) -> None:
    text = TEXT.replace('paper = "Somebody et al., A paper"', "").replace('source = "Table 1"', "")
    path = tmp_path / "own.toml"
    path.write_text(text.replace(", published = [70.1, 60.2]", ""))
    assert read_experiment(path).paper == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "lacks 'title'"),
        ('title = "a"', "the file has no arm"),
        (TEXT[: TEXT.index("[[task]]")], "the file has no task"),
        (TEXT[: TEXT.index("[[table]]")], "the file has no table"),
    ],
)
def test_an_empty_experiment_is_refused(tmp_path: Path, text: str, told: str) -> None:
    path = tmp_path / "empty.toml"
    path.write_text(text)
    with pytest.raises(UsageError, match=told):
        read_experiment(path)
