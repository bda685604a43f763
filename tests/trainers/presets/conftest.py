"""What a paper's tables say of a training, read off a preset."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from maskgen.trainers.presets import Preset

Figures = tuple[int, int, str, float, float, float, float | None]
Views = tuple[int, set[int], tuple[float, float], str, float]


@pytest.fixture(scope="session")
def figures_of() -> Callable[[Preset], Figures]:
    """Epochs, batch, optimizer, peak rate, warm-up, weight decay, and the second network's momentum, if there
    is one.
    """
    return _figures


@pytest.fixture(scope="session")
def views_of() -> Callable[[Preset], Views]:
    """Number of views, sides, the large crop's scale, what replaces backgrounds there, and how often."""
    return _views


def _figures(preset: Preset) -> Figures:
    follows = preset.method in ("mocov2", "cast", "knn-moco", "byol", "relicv2", "msr")
    return (
        preset.epochs,
        preset.batch_size,
        preset.optimizer,
        preset.peak_lr,
        preset.warmup_epochs,
        preset.weight_decay,
        preset.ema if follows else None,
    )


def _views(preset: Preset) -> Views:
    views = preset.views.views
    sides = {view.size for view in views}
    small = [view for view in views if view.size < max(sides)]
    assert all(view.background.p == 0 for view in small)
    background = views[0].background
    return len(views), sides, views[0].crop.scale, background.replace, background.p
