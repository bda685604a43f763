"""A data set that stands for one far away."""

from __future__ import annotations

import shutil
from typing import Any

import pytest


@pytest.fixture(scope="session")
def far(drawn: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A copy of the drawn data set that stands for one far away; read only."""
    path = tmp_path_factory.mktemp("far") / "shards"
    shutil.copytree(drawn.path, path)
    return path
