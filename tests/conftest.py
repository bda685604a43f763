"""Shared fixtures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The development data beside the repository; tests that need it skip where it is absent."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"the development data is not here ({SHARED_DATA.name} beside the repository)")
    return SHARED_DATA


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--faults=full` runs the fault tests with the figures of BENCHMARKS.md instead of their small form."""
    parser.addoption("--faults", choices=("small", "full"), default="small", help="size of the fault tests")


@pytest.fixture(scope="session")
def full_faults(request: pytest.FixtureRequest) -> bool:
    """Whether the fault tests run with their full figures."""
    return bool(request.config.getoption("--faults") == "full")
