"""The papers' settings, as their codes have them."""

from __future__ import annotations

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.voc07.features import POOLS
from maskgen.trainers.evaluations.voc07.precision import MEASURES
from maskgen.trainers.evaluations.voc07.protocols import PROTOCOLS, find_svm_protocol


def test_fairs_costs_are_two_and_sixteen_powers_of_a_half() -> None:
    costs = find_svm_protocol("fair").costs
    assert len(costs) == 18
    assert costs[:3] == (0.01, 0.1, 0.0625)
    assert costs[-1] == 2.0**-19


def test_protocols_name_what_there_is() -> None:
    for protocol in PROTOCOLS.values():
        assert protocol.pool in POOLS
        assert protocol.measure in MEASURES
        assert set(protocol.ours) < set(vars(protocol))


def test_other_costs_and_other_names() -> None:
    assert find_svm_protocol("cast", (2.0,)).costs == (2.0,)
    with pytest.raises(UsageError, match="revisiting"):
        find_svm_protocol("revisitin")
