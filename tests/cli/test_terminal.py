"""How a command ends: its exit status, and its errors on stderr."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import NoReturn

import click
import pytest

from maskgen.cli.terminal import echo_err, own_options, require_package, run_command
from maskgen.errors import EnvironmentFault, Interrupted, ShardFault, UsageError


def end(capsys: pytest.CaptureFixture[str], callback: object, *words: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command that calls something."""
    command = click.Command("tool", callback=callback, params=[click.Option(["--threads"], type=int)])  # type: ignore[arg-type]
    with pytest.raises(SystemExit) as stop:
        run_command(command, "tool", list(words))
    said = capsys.readouterr()
    assert isinstance(stop.value.code, int)
    return stop.value.code, said.out, said.err


@pytest.mark.parametrize(("result", "status"), [(None, 0), (1, 1), (0, 0), ("text", 0)])
def test_a_number_that_a_command_gives_is_the_status(
    result: object, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert end(capsys, lambda threads: result) == (status, "", "")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (UsageError("wrong", remedy="do this"), 2),
        (ShardFault("wrong", remedy="do this"), 1),
        (EnvironmentFault("wrong", remedy="do this"), 3),
        (Interrupted("wrong", remedy="do this"), 75),
    ],
)
def test_our_errors_are_sentences_and_their_own_status(
    error: BaseException, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(threads: int) -> NoReturn:
        raise error

    assert end(capsys, fail) == (status, "", "tool: wrong\n  Next: do this.\n")


def test_a_file_that_cannot_be_read_is_named_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "absent"
    status, _, err = end(capsys, lambda threads: path.read_text())
    assert status == 3
    assert err.startswith(f"tool: No such file or directory: {path}\n  Next: check the path")


def test_usage_is_2_and_ctrl_c_75(capsys: pytest.CaptureFixture[str]) -> None:
    assert end(capsys, lambda threads: None, "--thread", "1")[0] == 2

    def stop(threads: int) -> NoReturn:
        raise KeyboardInterrupt

    assert end(capsys, stop)[0] == 75


def test_errors_name_options_in_place_of_arguments(capsys: pytest.CaptureFixture[str]) -> None:
    def fail(threads: int) -> None:
        arguments = [("threads", 4), ("batch_size", 8), ("prefetch", 2)]
        with own_options(batch_size="--set batch_size="):
            raise UsageError("too slow", arguments=arguments)

    assert "Next: --threads 4, or --set batch_size=8.\n" in end(capsys, fail)[2]


def test_a_reader_that_goes_away_ends_a_command_quietly() -> None:
    code = (
        "import click; from maskgen.cli.terminal import run_command\n"
        "def many():\n    for n in range(100000): click.echo(n)\n"
        "run_command(click.Command('tool', callback=many), 'tool', [])"
    )
    shell = f"'{sys.executable}' -c \"$CODE\" | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", shell],
        env={"CODE": code, **_environment()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (141, "0\n", "")


def _environment() -> dict[str, str]:
    import os

    return dict(os.environ)


def test_an_absent_package_is_said_with_what_installs_it(capsys: pytest.CaptureFixture[str]) -> None:
    require_package("json")
    with pytest.raises(EnvironmentFault, match=r"needs nosuchpackage(.|\n)*maskgen\[train\]"):
        require_package("nosuchpackage")
    echo_err("a line")
    assert capsys.readouterr() == ("", "a line\n")
