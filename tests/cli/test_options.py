"""From a dataclass to a command's options, and back to an instance."""

from __future__ import annotations

from dataclasses import MISSING, dataclass
from pathlib import Path
from typing import Annotated, Any

import click
import pytest
from click.testing import CliRunner, Result

from maskgen.cli.options import DataFolder, Json, Spelling, click_command, given, nested
from maskgen.cli.terminal import run_command
from maskgen.config.bounds import above, at_least, between
from maskgen.config.options import ExistingFile, option


@dataclass(frozen=True, kw_only=True)
class Free:
    """Options of a file, which need not be given."""

    method: str = option("vote", "Which.", choices=("vote", "box"), group="masks")
    limit: int = option(0, "At most.", group="source")
    binary: bool = option(False, "Whether.", group="masks")


@dataclass(frozen=True, kw_only=True)
class Inner:
    """Options that several commands share."""

    workers: int | None = option(None, "How many.  [default: all]", bounds=at_least(1), group="machine")
    rate: float = option(0.5, "How much.", bounds=above(0, 1), group="machine")


@dataclass(frozen=True, kw_only=True)
class Outer:
    """Options of one command."""

    data: DataFolder = option(MISSING, "Folder.")
    inner: Inner = nested(Inner)
    free: dict[str, Any] = given(Free)
    device: str = option("cpu", "Where.", choices=("cpu", "cuda"))
    names: Annotated[tuple[str, ...], Spelling(flag="--name")] = option((), "Which.")
    numbers: tuple[int, ...] = option((1, 2), "Numbers.", bounds=between(0, 9))
    normalize: Annotated[bool, Spelling(old="--normalise")] = option(False, "Whether.")
    file: ExistingFile | None = option(None, "A file.")
    as_json: Json = option(False, "Print one JSON object.")


def show(context: click.Context, value: Any) -> None:
    click.echo(f"shown {value}")
    context.exit()


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An option that must be given, and a flag that ends the command before."""

    needed: str = option(MISSING, "Needed.")
    listed: Annotated[bool, Spelling(flag="--list", show=show)] = option(False, "List.")


def invoke(*words: str) -> tuple[Outer | None, Result]:
    """The instance that the command is called with, and what click made of the words."""
    made: list[Outer] = []

    @click_command("outer", Outer)
    def command(options: Outer) -> None:
        """Show what was given."""
        made.append(options)

    result = CliRunner().invoke(command, list(words))
    return (made[0] if made else None), result


def test_without_options_the_instance_has_the_fields_defaults(tmp_path: Path) -> None:
    made, _ = invoke(str(tmp_path))
    assert made == Outer(data=tmp_path, inner=Inner(), free={})


def test_an_argument_that_is_not_given_is_named() -> None:
    made, result = invoke()
    assert (made, result.exit_code) == (None, 2)
    assert "Missing argument 'DATA'" in result.output


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.touch()
    words = [
        str(tmp_path),
        "--workers",
        "3",
        "--rate",
        "1",
        "--method",
        "box",
        "--no-binary",
        "--device",
        "cuda",
        "--name",
        "a",
        "--name",
        "b,c",
        "--numbers",
        "7, 8",
        "--normalize",
        "--file",
        str(file),
        "--json",
    ]
    made, result = invoke(*words)
    assert result.exit_code == 0, result.output
    assert made == Outer(
        data=tmp_path,
        inner=Inner(workers=3, rate=1.0),
        free={"method": "box", "binary": False},
        device="cuda",
        names=("a", "b,c"),
        numbers=(7, 8),
        normalize=True,
        file=file,
        as_json=True,
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--device", "gpu"], "(did you mean 'cuda'?)"),
        (["--method", "boxx"], "(did you mean 'box'?)"),
        (["--workers", "0"], "x>=1"),
        (["--rate", "0"], "0<x<=1"),
        (["--numbers", "1,x"], "no list of whole numbers"),
        (["--file", "absent"], "does not exist"),
        (["--limit", "-1"], "x>=0"),
        (["--nam", "a"], "--name"),
    ],
)
def test_mistakes_are_usage_errors_that_say_what_would_do(
    words: list[str], told: str, tmp_path: Path
) -> None:
    made, result = invoke(str(tmp_path), *words)
    assert made is None
    assert result.exit_code == 2
    assert told in result.output


@pytest.mark.parametrize(
    ("words", "told"),
    [(["--numbers", "1,10"], "--numbers must be from 0 to 9, got 10"), (["--rate", "nan"], "got nan")],
)
def test_what_click_lets_pass_is_checked_by_the_options_own_bounds(
    words: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = click_command("outer", Outer)(lambda _: None)
    with pytest.raises(SystemExit) as stop:
        run_command(command, "outer", [str(tmp_path), *words])
    assert stop.value.code == 2
    assert told in capsys.readouterr().err


def test_a_former_spelling_works_and_is_not_in_the_help(tmp_path: Path) -> None:
    made, _ = invoke(str(tmp_path), "--normalise")
    assert made is not None
    assert made.normalize
    text = invoke("--help")[1].output
    assert "--normalize" in text
    assert "--normalise" not in text


def test_help_has_a_section_for_each_group_in_one_order_and_tells_defaults_once() -> None:
    text = invoke("--help")[1].output
    places = [text.index(f"\n{heading}:\n") for heading in ("Source", "Masks", "Machine", "Options")]
    assert places == sorted(places)
    assert text.index("--rate") > places[2]
    flat = " ".join(text.split())
    for words in ("Which. [default: vote]", "How many. [default: all] [x>=1]", "Numbers. [default: 1,2]"):
        assert words in flat
    assert "At most. [x>=0]" in flat  # a default of 0 says nothing


def test_a_flag_that_shows_something_comes_before_all_checks() -> None:
    command = click_command("shown", Shown)(lambda _: None)
    result = CliRunner().invoke(command, ["--list"])
    assert (result.exit_code, result.output) == (0, "shown True\n")
    assert CliRunner().invoke(command, []).exit_code == 2
