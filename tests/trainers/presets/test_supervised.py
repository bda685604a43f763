"""Presets of the supervised control against the paper's figures, written down a second time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from maskgen.trainers.presets.supervised import PRESETS


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("bg-rm-90", (90, 4096, "sgd", 1.6, 5, 1e-4, None)),
    ],
)
def test_settings_are_the_papers(name: str, figures: tuple[Any, ...], figures_of: Callable[..., Any]) -> None:
    assert figures_of(PRESETS[name]) == pytest.approx(figures)


@pytest.mark.parametrize(
    ("name", "figures"),
    [
        ("bg-rm-90", (1, {224}, (0.08, 1), "grey", 0.2)),
    ],
)
def test_views_are_the_papers(name: str, figures: tuple[Any, ...], views_of: Callable[..., Any]) -> None:
    assert views_of(PRESETS[name]) == figures
