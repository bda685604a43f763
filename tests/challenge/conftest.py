"""Shards of drawings, and the challenge that is made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from challenge_kit import DRAWINGS, SETTINGS, write_shards

from maskgen.challenge.make import make_challenge
from maskgen.loaders import Dataset, open_dataset


@pytest.fixture
def draw_shards(tmp_path: Path) -> Callable[..., Dataset]:
    """Makes and opens shards of drawings."""
    return lambda drawings, name="shards": open_dataset(write_shards(tmp_path / name, drawings))


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """The shards of `DRAWINGS`."""
    return open_dataset(write_shards(tmp_path_factory.mktemp("drawn") / "shards", DRAWINGS))


@pytest.fixture(scope="session")
def challenge(drawn: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The challenge of those shards, as folders and shards."""
    output = tmp_path_factory.mktemp("challenge") / "out"
    make_challenge(drawn, output, SETTINGS, threads=2)
    return output
