"""`maskgen doctor`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from maskgen.cli import doctor

Call = Callable[..., tuple[int, str, str]]


def test_doctor_reports_this_machine(call: Call) -> None:
    status, out, _ = call("doctor", "--json")
    facts = json.loads(out)
    assert status == 0
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["cores"] >= 1
    assert call("doctor")[0] == 0


def test_doctor_knows_every_package_that_maskgen_is_declared_to_need() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[><=~;]", one)[0] for one in requirements}

    extras = {name: names(given) for name, given in project["optional-dependencies"].items()}
    assert names(project["dependencies"]) == set(doctor._BASE)
    for unasked in ("dev", "docs", "ray"):  # no command needs them
        del extras[unasked]
    assert {name: set(given) for name, given in doctor._EXTRAS.items()} == extras
