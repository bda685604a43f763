"""What an entry of the table decides by itself."""

from __future__ import annotations

import pytest

from maskgen.methods import METHODS


@pytest.mark.parametrize(
    ("name", "wanted", "refinement"),
    [("vote", "auto", "crf"), ("vote", "none", "none"), ("rbd", "auto", "none"), ("rbd", "guided", "guided")],
)
def test_auto_stands_for_the_methods_own_refinement(name: str, wanted: str, refinement: str) -> None:
    assert METHODS[name].refinement(wanted) == refinement


def test_a_prior_is_loaded_by_its_name() -> None:
    assert METHODS["box"].load_prior().__name__ == "box"
