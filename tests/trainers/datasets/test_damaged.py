"""Damaged images are noted and read past; nothing else is."""

from __future__ import annotations

import pytest

from maskgen.errors import EnvironmentFault, ImageFault, ShardFault
from maskgen.trainers.datasets.damaged import read_or_blank

FAULTS = {
    1: ShardFault("cut", remedy="copy it again"),
    2: ImageFault("undecodable", "no picture"),
    3: EnvironmentFault("the disk is gone", remedy="mount it"),
}


def read(number: int) -> str:
    if number in FAULTS:
        raise FAULTS[number]
    return str(number)


def test_what_is_damaged_is_blank_and_noted() -> None:
    tolerant, damaged = read_or_blank(read, "")
    assert [tolerant(number) for number in (0, 1, 2, 4, 1)] == ["0", "", "", "4", ""]
    assert damaged == {1, 2}


def test_a_machine_that_fails_is_no_damaged_image() -> None:
    with pytest.raises(EnvironmentFault):
        read_or_blank(read, "")[0](3)
