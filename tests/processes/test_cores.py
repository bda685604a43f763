"""How many cores a process may use, by files as the kernel writes them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from maskgen.processes.cores import usable_cores


@pytest.fixture
def sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)))


def cores(place: Path, limits: dict[str, str], own: str) -> int:
    for group, text in limits.items():
        (place / "groups" / group).mkdir(parents=True, exist_ok=True)
        (place / "groups" / group / "cpu.max").write_text(text)
    (place / "own").write_text(own)
    return usable_cores(place / "groups", place / "own")


def test_the_cores_are_those_that_the_kernel_allows(tmp_path: Path) -> None:
    status = Path("/proc/self/status").read_text()
    allowed = status.partition("Cpus_allowed:")[2].split()[0]
    expected = sum(int(part, 16).bit_count() for part in allowed.split(","))
    assert usable_cores(tmp_path / "none", tmp_path / "none") == expected


@pytest.mark.usefixtures("sixteen")
@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        ({}, 16),
        ({"": "max 100000\n"}, 16),
        ({"": "200000 100000\n"}, 2),
        ({"": "250000 100000\n"}, 3),
        ({"": "10000 100000\n"}, 1),
        ({"": "3200000 100000\n"}, 16),
        ({"": "50000 20000\n"}, 3),
        ({"": "damaged"}, 16),
        ({"": "1 0"}, 16),
    ],
)
def test_a_container_gives_as_many_cores_as_it_gives_time(
    limits: dict[str, str], expected: int, tmp_path: Path
) -> None:
    """Inside of a container its group is the outermost."""
    assert cores(tmp_path, limits, "0::/\n") == expected


@pytest.mark.usefixtures("sixteen")
def test_the_tightest_group_around_a_process_counts(tmp_path: Path) -> None:
    limits = {"a": "400000 100000", "a/b": "max 100000", "a/b/c": "600000 100000", "other": "100000 100000"}
    assert cores(tmp_path, limits, "0::/a/b/c\n") == 4


@pytest.mark.usefixtures("sixteen")
def test_the_first_version_of_control_groups_and_none_at_all_leave_the_cores(tmp_path: Path) -> None:
    assert cores(tmp_path, {"": "100000 100000"}, "8:cpu:/\n1:name=systemd:/\n") == 16
    assert usable_cores(tmp_path / "none", tmp_path / "none") == 16
