"""A saved state: plain values that come back, and are refused where they do not belong."""

from __future__ import annotations

from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.loaders.order.state import LoaderState


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"seed": "0"},
        {"epoch": -1},
        {"samples_done": 1.5},
        {"samples_done": True},
        {"dataset": None},
        {"more": 1},
    ],
)
def test_state_of_something_else(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="no state of a loader"):
        LoaderState.from_dict({**LoaderState(0, 0, 0, "d").to_dict(), **change})
    for nothing in ({}, None, [1]):
        with pytest.raises(UsageError, match="no state of a loader"):
            LoaderState.from_dict(nothing)  # type: ignore[arg-type]


def test_state_of_another_data_set_or_order() -> None:
    state = LoaderState(0, 0, 0, "d", "global")
    state.check("d", "global")
    with pytest.raises(UsageError, match="another data set"):
        state.check("e", "global")
    with pytest.raises(UsageError, match="shards:16"):
        state.check("d", "shards:16")
