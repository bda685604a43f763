"""A run from Python makes what the command makes, and says what is wrong with its arguments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import maskgen
from maskgen.errors import UsageError


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("run.log")
    }


@pytest.mark.slow
def test_options_by_name_a_configuration_and_the_command_make_the_same_files(
    discs: Path, tmp_path: Path
) -> None:
    by_name, by_config, by_command = (tmp_path / name for name in ("name", "config", "command"))
    outcome = maskgen.run(dataset="folder", input=discs, output=by_name, method="box", workers=1)
    assert (outcome.manifest.samples, outcome.manifest.failed, outcome.exit_code) == (9, 2, 1)
    maskgen.run(
        maskgen.RunConfig(dataset="folder", input=str(discs), output=str(by_config), method="box", workers=1)
    )
    options = f"run --dataset folder --input {discs} --output {by_command} --method box --workers 1"
    done = subprocess.run(
        [sys.executable, "-m", "maskgen", *options.split()], check=False, capture_output=True
    )
    assert done.returncode == 1
    assert contents(by_name) == contents(by_config) == contents(by_command)
    assert not maskgen.verify(by_name, "full").faults
    assert not maskgen.verify(str(by_name)).faults


@pytest.mark.parametrize(
    ("arguments", "options", "words"),
    [
        ((), {"output": "x"}, "missing option --dataset"),
        ((), {"dataset": "folder", "output": "x", "methd": "mr"}, "did you mean 'method'"),
        ((), {"dataset": "folder", "output": "x", "workers": "2"}, "workers takes"),
        ((), {"dataset": "folder", "output": None}, "output takes"),
        (({"dataset": "folder"},), {}, "takes a RunConfig"),
        ((maskgen.RunConfig(dataset="sample", output="x"),), {"method": "mr"}, "not both"),
        ((maskgen.RunConfig(dataset="sample", output="x", method="rdb"),), {}, "did you mean 'rbd'"),
    ],
)
def test_wrong_arguments_are_told_in_a_sentence(
    arguments: tuple[Any, ...], options: dict[str, Any], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        maskgen.run(*arguments, **options)


def test_an_unknown_level_of_verify_is_told() -> None:
    with pytest.raises(UsageError, match="did you mean 'hashes'"):
        maskgen.verify("x", "hash")
