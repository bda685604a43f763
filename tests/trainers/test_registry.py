"""The registry of trainer methods: what each row promises is there, and reading it costs nothing."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import pytest

from maskgen.loaders import RECIPES
from maskgen.trainers.presets import Preset
from maskgen.trainers.registry import TRAINER_METHODS, TrainerMethod

ROOT = Path(__file__).resolve().parents[2]
ROWS = TRAINER_METHODS.values()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_row_has_its_files_and_its_recipe(row: TrainerMethod) -> None:
    code = [f"trainers/{folder}/{row.module}.py" for folder in ("methods", "presets")]
    wanted = [*code, f"docs/ssl/{row.name}.md", f"tests/trainers/methods/test_{row.module}.py"]
    assert [name for name in wanted if not (ROOT / name).is_file()] == []
    assert len(RECIPES[row.name].views) >= row.views


TITLES = {
    "mocov2": "Improved Baselines with Momentum Contrastive Learning",
    "simclr": "A Simple Framework for Contrastive Learning of Visual Representations",
    "simsiam": "Exploring Simple Siamese Representation Learning",
    "byol": "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning",
    "swav": "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments",
    "relicv2": "Pushing the limits of self-supervised ResNets: Can we outperform supervised learning "
    "without labels on ImageNet?",
    "cast": "CASTing Your Model: Learning to Localize Improves Self-Supervised Representations",
    "msr": "MSR: Making Self-supervised learning Robust to Aggressive Augmentations",
    "knn-moco": "Revisiting Contrastive Methods for Unsupervised Learning of Visual Representations",
    "supervised": "Leveraging background augmentations to encourage semantic focus in self-supervised "
    "contrastive learning",
}
"""Of the versions whose sections are quoted."""


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_method_and_its_page_cite_the_paper_by_its_title(row: TrainerMethod) -> None:
    for name in (f"trainers/methods/{row.module}.py", f"docs/ssl/{row.name}.md"):
        assert TITLES[row.name] in " ".join((ROOT / name).read_text().split()), name


def test_rows_name_options_that_there_are() -> None:
    known = {field.name for field in dataclasses.fields(Preset)}
    assert [name for row in ROWS for name in row.reads if name not in known] == []
    assert [row.name for row in ROWS if len(set(row.reads)) < len(row.reads)] == []


def test_every_file_of_a_method_has_a_row() -> None:
    files = {path.stem for path in (ROOT / "trainers" / "methods").glob("*.py")}
    assert files - {"__init__", "base"} == {row.module for row in ROWS}


def test_the_page_lists_every_method_in_this_order() -> None:
    page = (ROOT / "docs" / "ssl" / "index.md").read_text()
    assert re.findall(r"^\| `([\w-]+)` \| \[[^]]+\]\(\1\.md\)", page, re.MULTILINE) == list(TRAINER_METHODS)


def test_rows_are_under_their_own_names() -> None:
    assert all(row.name == name for name, row in TRAINER_METHODS.items())


def test_the_registry_imports_no_torch() -> None:
    code = "import sys, maskgen.trainers.registry; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
