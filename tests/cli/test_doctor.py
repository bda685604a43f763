"""`maskgen doctor`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from maskgen.cli import doctor
from maskgen.methods.networks.known import KNOWN_NETWORKS

Call = Callable[..., tuple[int, str, str]]


def test_doctor_reports_this_machine(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASKGEN_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://name:secret@proxy.example:80")
    known = KNOWN_NETWORKS["u2netp"]
    with (tmp_path / known.file_name).open("wb") as file:
        file.truncate(known.size)
    status, out, _ = call("doctor", "--json")
    facts = json.loads(out)
    assert status == 0
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["cores"] >= 1
    proxy = "http://proxy.example:80"
    assert facts["weights"] == {"folder": str(tmp_path), "here": ["u2netp"], "proxy": proxy}
    status, out, _ = call("doctor")
    assert status == 0
    assert f"{tmp_path}: u2netp" in out
    assert proxy in out
    assert "secret" not in out


def test_doctor_knows_every_package_that_maskgen_is_declared_to_need() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]

    def names(requirements: list[str]) -> set[str]:
        return {re.split(r"[\[><=~;]", one)[0] for one in requirements}

    extras = {name: names(given) for name, given in project["optional-dependencies"].items()}
    assert names(project["dependencies"]) == set(doctor._BASE)
    for unasked in ("dev", "docs"):  # no command needs them
        del extras[unasked]
    assert {name: set(given) for name, given in doctor._EXTRAS.items()} == extras
