"""A small experiment: two arms of a tiny network, judged by their neighbors and a linear classifier."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from suite_kit import words

from maskgen.trainers.evaluations.suite.commands import TaskCommand
from maskgen.trainers.experiments.trainings import ELSEWHERE, OWN

TEXT = """
title = "Two arms"
paper = "Somebody et al., A paper"
seeds = [0, 1]

[data]
shards = "shards of anything"
photos = "photos, a folder a class"

[training]
options = { data = "{shards}", loader = "torch", threads = 1 }
settings = { view_px = 24 }

[smoke]
options = { sample = 16 }
settings = { epochs = 1 }

[[arm]]
name = "plain"
method = "simsiam"
preset = "smoke"

[[arm]]
name = "bg-rm"
method = "mocov2"
preset = "smoke"
recipe = "mocov2-bg-rm"
settings = { epochs = 2, views.0.background.p = 0.5 }

[[task]]
name = "probe"
command = "linear"
options = { data = "{photos}", epochs = 20, views = -1, side = 32 }
smoke = { epochs = 2 }

[[task]]
name = "neighbors"
command = "knn"
options = { data = "{photos}", k = [5], side = 32 }

[[table]]
title = "Accuracy, %"
source = "Table 1"
column = [
  { name = "linear", task = "probe", metric = "top1" },
  { name = "5-NN", task = "neighbors", metric = "knn_5" },
]
row = [
  { name = "SimSiam", arm = "plain", published = [70.1, 60.2] },
  { name = "MoCo v2 + BG_RM", arm = "bg-rm", published = ["71.2 ± 0.1", ""] },
  { name = "supervised", published = [80.0, ""] },
]
"""


def toy_method(name: str) -> TaskCommand:
    """A method's command that refuses nothing."""
    known = ("data", "output", "seed", "device", "loader", "threads", "sample", "preset", "recipe", "changes")
    spellings = {one: one for one in known} | {"set": "changes"}
    return TaskCommand(name, spellings, frozenset({"threads", "loader"}), words, _accept, OWN, ELSEWHERE)


def _accept(_: Mapping[str, Any]) -> None:
    return None


def write_experiment(folder: Path, old: str = "", new: str = "") -> Path:
    """The file, with one piece of its text replaced."""
    assert old in TEXT
    path = folder / "two.toml"
    path.write_text(TEXT.replace(old, new, 1) if old else TEXT)
    return path
