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
