"""A small suite, its cells, and what does them in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from suite_kit import TEXT, Toys, toy

from maskgen.trainers.evaluations.suite.cells import Cell, list_cells
from maskgen.trainers.evaluations.suite.spec import Suite, read_suite


@pytest.fixture
def suite_file(tmp_path: Path) -> Path:
    path = tmp_path / "suite.toml"
    path.write_text(TEXT)
    return path


@pytest.fixture
def suite(suite_file: Path) -> Suite:
    return read_suite(suite_file)


ListCells = Callable[[Suite], list[Cell]]


@pytest.fixture
def cells_of() -> ListCells:
    return lambda suite: list_cells(suite, toy, lambda checkpoint: "", "suite.toml")


@pytest.fixture
def cells(suite: Suite, cells_of: ListCells) -> list[Cell]:
    return cells_of(suite)


@pytest.fixture
def toys() -> Toys:
    return Toys()
