"""`maskgen doctor`."""

from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np

Call = Callable[..., tuple[int, str, str]]


def test_doctor_reports_this_machine(call: Call) -> None:
    status, out, _ = call("doctor", "--json")
    facts = json.loads(out)
    assert status == 0
    assert facts["packages"]["numpy"] == np.__version__
    assert facts["cores"] >= 1
    assert call("doctor")[0] == 0
