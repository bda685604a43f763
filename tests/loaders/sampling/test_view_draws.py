"""Rows of draws, and the places of their random numbers."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from draws_kit import SWAPS, drawn

from maskgen.loaders.sampling import crops, view_draws
from maskgen.loaders.sampling.view_draws import BLOCK, ViewDraws


def test_rows_are_chosen_in_the_order_that_is_asked_for() -> None:
    view = drawn(SWAPS, 8).views[0]
    some = view.rows(np.array([5, 0, 5]))
    for part in fields(ViewDraws):
        whole = getattr(view, part.name)
        np.testing.assert_array_equal(getattr(some, part.name), np.stack([whole[5], whole[0], whole[5]]))


def test_no_random_number_is_used_twice() -> None:
    long = {"JITTER": 4, "POLICY_U": 4}
    names = [
        name for name in vars(view_draws) if name.isupper() and isinstance(getattr(view_draws, name), int)
    ]
    names = [name for name in names if name not in ("BLOCK", "KEEP", "GRAY", "DONOR", "PASTE")]
    places = [getattr(view_draws, name) + step for name in names for step in range(long.get(name, 1))]
    assert len(names) == 14
    assert len(set(places)) == len(places)
    assert min(places) >= crops.UNIFORMS
    assert max(places) < BLOCK
