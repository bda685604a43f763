"""The `maskgen` command as a whole: its list of commands, and what a mistaken name is answered with."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import pytest

from maskgen import __version__
from maskgen.cli.app import COMMANDS

Call = Callable[..., tuple[int, str, str]]


def test_help_lists_every_command_and_each_has_its_own(call: Call) -> None:
    status, out, _ = call("--help")
    assert status == 0
    for name, text in COMMANDS.items():
        assert name in out
        assert " ".join(text.split()) in " ".join(out.split())
        assert call(name, "--help")[0] == 0
    assert call("--version") == (0, f"maskgen, version {__version__}\n", "")


def test_mistakes_are_answered_with_the_nearest_word(call: Call) -> None:
    status, _, err = call("verfy")
    assert status == 2
    assert "did you mean 'verify'" in err
    status, _, err = call("run", "--dataset", "folder")
    assert status == 2
    assert "missing option --output" in err
    status, _, err = call("run", "--dataset", "folder", "--output", "x")
    assert status == 2
    assert "--input" in err


@pytest.mark.slow
def test_the_package_runs_as_a_module() -> None:
    for module in ("maskgen", "maskgen.cli"):
        done = subprocess.run(
            [sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True
        )
        assert done.stdout == f"maskgen, version {__version__}\n"


@pytest.mark.slow
@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["eval", "--help"], ["verify", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    code = (
        "import sys; from maskgen.cli.app import cli\n"
        f"cli.main({words!r}, standalone_mode=False)\n"
        "print(*{'numpy', 'torch', 'cv2', 'pyarrow', 'scipy', 'PIL'} & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == ""


@pytest.mark.parametrize("command", ["run", "plan", "deepusps run"])
def test_gpu_is_refused_with_the_word_for_it(command: str, call: Call) -> None:
    status, _, err = call(*command.split(), "--device", "gpu")
    assert status == 2
    assert "did you mean 'cuda'?" in err
