"""The examples run as they are written: the programs on a folder of small photos, and those of the core's
docstrings.
"""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


def call(name: str, *arguments: object) -> list[str]:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def shards(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "shards"
    printed = call("make_shards.py", discs, folder, "--method", "rbd")
    assert printed == ["samples: 9, shards: 1, images not used: 2", "sound"]
    return folder


@pytest.mark.slow
def test_shards_are_made_and_resumed(discs: Path, shards: Path) -> None:
    before = {path.name: path.read_bytes() for path in shards.glob("*.tar")}
    call("make_shards.py", discs, shards, "--method", "rbd")
    assert {path.name: path.read_bytes() for path in shards.glob("*.tar")} == before


@pytest.mark.slow
def test_masks_come_with_the_photos_of_a_loader_of_ones_own(discs: Path, shards: Path) -> None:
    pytest.importorskip("torchvision")
    printed = call("masks_in_my_loader.py", discs, shards)
    sizes = [re.fullmatch(r"\((\d), 3, 96, 96\) pictures, (\d+)% foreground", line) for line in printed]
    assert [int(found[1]) for found in sizes if found] == [4, 4, 1]
    assert all(found and 0 < int(found[2]) < 80 for found in sizes)


@pytest.mark.slow
def test_a_plain_loop_trains(shards: Path) -> None:
    pytest.importorskip("torchvision")
    printed = call("train_simsiam.py", shards, "--epochs", 2, "--batch-size", 8)
    losses = [float(line.rpartition(" ")[2]) for line in printed]
    assert len(losses) == 2
    assert all(-1 <= loss < 0.5 for loss in losses)
    assert losses[0] != losses[1]  # the weights have moved, and the views are others


def test_examples_stay_short() -> None:
    assert all(len(path.read_text().splitlines()) <= 60 for path in EXAMPLES.glob("*.py"))


MODULES = [
    path.relative_to(ROOT).with_suffix("")
    for folder in ("methods", "backgrounds", "io", "drawing", "challenge")
    for path in sorted((ROOT / "maskgen" / folder).rglob("*.py"))
    if ">>>" in path.read_text()
]


@pytest.mark.slow
@pytest.mark.parametrize("path", MODULES, ids=str)
def test_examples_in_docstrings_run(path: Path) -> None:
    if "\nimport torch" in (ROOT / path).with_suffix(".py").read_text():
        pytest.importorskip("torch")
    module = importlib.import_module(".".join(path.parts))
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, globs={}):
        found = doctest.DocTestRunner().run(test)
        assert not found.failed, test.name
