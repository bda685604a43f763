"""Protocols of linear probes against the papers' figures."""

from __future__ import annotations

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.heads.protocols import PROTOCOLS, find_protocol


def test_the_papers_rates() -> None:
    moco, byol = PROTOCOLS["moco"].rate(30, 10), PROTOCOLS["ryali-byol"].rate(0.2, 10)
    assert [moco.at(epoch * 10) for epoch in (0, 59, 60, 80)] == pytest.approx([30, 30, 3, 0.3])
    assert [byol.at(epoch * 10) for epoch in (0, 80, 120)] == pytest.approx([0.8, 0.08, 0.0008])
    swav = PROTOCOLS["ryali-swav"].rate(0.3, 10)
    assert (swav.at(0), swav.at(50)) == (0, pytest.approx(2.4))


def test_other_epochs_move_the_milestones_along() -> None:
    short = find_protocol("ryali-moco", epochs=12)
    assert (short.milestones, short.warmup_epochs) == ((6, 8, 10), 1.0)
    with pytest.raises(UsageError, match="did you mean 'moco'"):
        find_protocol("moko")


def test_byols_probes_have_nesterov_momentum() -> None:
    """BYOL, C.1; Ryali et al., A.1.2, follow the original work."""
    assert {name for name, protocol in PROTOCOLS.items() if protocol.nesterov} == {
        "byol",
        "ryali-byol",
        "relicv2",
    }
