"""Trainings of seconds that several files look at, and helpers that can be imported by name."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # kills.py


@pytest.fixture(scope="session")
def mapped(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training whose priors are done; read only."""
    output = tmp_path_factory.mktemp("mapped") / "work"
    from kills import begin_test, do

    begin_test(output, discs)
    do(output, ("photos", "priors"))
    return output


@pytest.fixture(scope="session")
def finished(mapped: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, done to its end; read only."""
    output = tmp_path_factory.mktemp("finished") / "work"
    from kills import do

    shutil.copytree(mapped, output)
    do(output)
    return output


@pytest.fixture(scope="session")
def taught(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of two teachers, taught and exported; read only."""
    folder = tmp_path_factory.mktemp("taught")
    from kills import begin_student, do
    from student_kit import save_classifier

    begin_student(folder / "work", discs, save_classifier(folder / "lite0.pth"))
    do(folder / "work")
    return folder / "work"


@pytest.fixture
def copy(mapped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(mapped, tmp_path / "work"))
