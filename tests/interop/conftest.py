"""Data sets that every reader is to see alike: drawn ones, and real photos through `maskgen run`."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _drawings() -> ModuleType:
    """The builder of tests/loaders, which is a fixture file and not on the import path."""
    file = Path(__file__).resolve().parents[1] / "loaders" / "conftest.py"
    spec = importlib.util.spec_from_file_location("drawings", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["drawings"] = module
    spec.loader.exec_module(module)
    return module


def _photos(folder: Path, data: Path) -> Path:
    """Twenty-five real photos of different kinds, their masks a box: the readers are tested, not the
    masks.
    """
    source = folder / "photos"
    source.mkdir()
    for file in sorted((data / "imagenet_sample_1000").glob("*.JPEG"))[::10]:
        shutil.copy(file, source)
    command = "from maskgen.cli.app import main; main()"
    options = ["--dataset", "folder", "--input", str(source), "--method", "box", "--shard-size", "10"]
    subprocess.run(
        [
            sys.executable,
            "-c",
            command,
            "run",
            "--output",
            str(folder / "shards"),
            "--workers",
            "1",
            *options,
        ],
        check=True,
        capture_output=True,
    )
    return folder / "shards"


@pytest.fixture(scope="session", params=["soft", "binary", "photos"])
def shards(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of shards, to be read only."""
    folder = tmp_path_factory.mktemp(request.param)
    if request.param == "photos":
        return _photos(folder, request.getfixturevalue("shared_data"))
    drawings = _drawings()
    options = {"binary": True, "mask_side": 100} if request.param == "binary" else {}
    recipe = drawings.Recipe(samples=14, shard_size=5, failed=(3,), options=options)
    path: Path = drawings.build(folder / "shards", recipe).path
    return path
