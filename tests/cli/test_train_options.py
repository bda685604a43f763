"""The options of `train-ssl METHOD` and the settings that they make."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from maskgen.cli.options import make_command
from maskgen.cli.train_options import TrainOptions
from maskgen.trainers.settings import Settings


def read(*words: str) -> TrainOptions:
    """The options that a command line gives."""
    made: list[TrainOptions] = []
    command = make_command("byol", TrainOptions, made.append, "BYOL.")
    with click.Context(command):
        command.main(list(words), standalone_mode=False)
    return made[0]


def test_what_is_not_given_has_the_settings_own_defaults() -> None:
    options = read("--data", "shards", "--output", "run", "--preset", "smoke")
    assert options == TrainOptions(settings=Settings(data="shards", output=Path("run")), preset="smoke")


def test_every_setting_is_an_option() -> None:
    options = read(
        "--data",
        "s3://a/b",
        "--output",
        "run",
        "--preset",
        "smoke",
        "--set",
        "lr=1",
        "--set",
        "queue=2",
        "--device",
        "cuda",
        "--loader",
        "dali",
        "--precision",
        "bf16",
        "--seed",
        "7",
        "--accumulate",
        "2",
        "--channels-last",
        "--deterministic",
        "--threads",
        "3",
        "--on-error",
        "skip",
        "--photos",
        "p",
        "--stored-backgrounds",
        "--cache",
        "c",
        "--shuffle",
        "shards:4",
        "--save-every",
        "5",
        "--log-every",
        "6",
        "--knn-every",
        "8",
        "--knn-data",
        "k",
        "--tensorboard",
        "--resume",
        "never",
    )
    assert options.changes == ("lr=1", "queue=2")
    assert options.resume == "never"
    assert options.settings == Settings(
        data="s3://a/b",
        output=Path("run"),
        device="cuda",
        loader="dali",
        precision="bf16",
        seed=7,
        accumulate=2,
        stored_backgrounds=True,
        channels_last=True,
        deterministic=True,
        threads=3,
        on_error="skip",
        photos="p",
        cache="c",
        shuffle="shards:4",
        save_every=5,
        log_every=6,
        knn_every=8,
        knn_data="k",
        tensorboard=True,
    )


def test_help_stands_under_headings() -> None:
    command = make_command("byol", TrainOptions, lambda _: None, "BYOL.")
    text = CliRunner().invoke(command, ["--help"]).output
    headings = ["Data", "Settings", "Output", "Machine", "Safety", "Log", "Options"]
    places = [text.index(f"\n{heading}:\n") for heading in headings]
    assert places == sorted(places)


@pytest.mark.parametrize(
    "words", [["--device", "gpu"], ["--threads", "0"], ["--seed", "-1"], ["--on-error", "stop"]]
)
def test_mistakes_are_usage_errors(words: list[str]) -> None:
    command = make_command("byol", TrainOptions, lambda _: None, "BYOL.")
    result = CliRunner().invoke(command, ["--data", "s", "--output", "r", "--preset", "smoke", *words])
    assert result.exit_code == 2
    assert "gpu" not in words or "did you mean 'cuda'" in result.output
