"""A small data set, and the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_kit import run_main

from maskgen.cli.terminal import run_command

Call = Callable[..., tuple[int, str, str]]
Words = Callable[[Path], list[str]]
TrainWords = Callable[..., list[str]]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Call:
    """Exit status, stdout and stderr of `maskgen` with some words."""

    def call(*words: str | Path) -> tuple[int, str, str]:
        capfd.readouterr()
        status = run_main(*words)
        return status, *capfd.readouterr()

    return call


def options(folder: Path) -> list[str]:
    place = ["--input", str(folder / "photos"), "--output", str(folder / "shards")]
    return ["--dataset", "folder", *place, "--method", "box", "--workers", "1"]


@pytest.fixture
def run_words() -> Words:
    """The options that `data` was made with, given the folder above it."""
    return options


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of four good photos and a broken one, in two shards; not to be changed."""
    folder = tmp_path_factory.mktemp("cli")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        photo = rng.integers(0, 255, (40, 50 + number, 3)).astype(np.uint8)
        cv2.imwrite(str(folder / "photos" / f"p{number}.jpg"), photo)
    (folder / "photos" / "p9.jpg").write_bytes(b"GIF89a")
    status = run_main("run", *options(folder), "--shard-size", "3")
    assert status == 1  # 1 of 5 is more than 1 %
    return folder / "shards"


def train_options(shards: Path, output: Path, *more: str) -> list[str]:
    places = ["--data", str(shards), "--output", str(output), "--loader", "torch"]
    return ["simsiam", *places, "--preset", "smoke", "--set", "epochs=1", "--set", "batch-size=18", *more]


@pytest.fixture
def train_words() -> TrainWords:
    """What is behind `train-ssl` for a short run, given shards, the run's folder, and more options."""
    return train_options


def run_tool(tool: str, *words: str) -> int:
    from maskgen.cli.eval_ssl import eval_cli
    from maskgen.cli.train_ssl import train_cli

    with pytest.raises(SystemExit) as end:
        run_command({"train-ssl": train_cli, "eval-ssl": eval_cli}[tool], tool, list(words))
    assert isinstance(end.value.code, int)
    return end.value.code


@pytest.fixture
def call_tool(capsys: pytest.CaptureFixture[str]) -> Call:
    """Exit status, stdout and stderr of `train-ssl` or `eval-ssl` in this process."""

    def call_tool(tool: str, *words: str) -> tuple[int, str, str]:
        status = run_tool(tool, *words)
        said = capsys.readouterr()
        return status, said.out, said.err

    return call_tool


@pytest.fixture(scope="session")
def trained(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one epoch."""
    output = tmp_path_factory.mktemp("cli") / "run"
    assert run_tool("train-ssl", *train_options(shards, output)) == 0
    return output
