"""Smoke presets are small: a tiny network, small views, few epochs."""

from __future__ import annotations

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.presets import PRESETS
from maskgen.trainers.presets.smoke import smoke


@pytest.mark.parametrize("method", PRESETS)
def test_a_smoke_preset_is_small(method: str) -> None:
    preset = PRESETS[method]["smoke"]
    assert (preset.backbone, preset.epochs, preset.batch_size, preset.lr_factor) == ("tiny", 4, 32, 1)
    assert max(view.size for view in preset.views.views) <= 56
    assert preset.recipe == method


def test_changes_are_checked() -> None:
    assert smoke("simclr", temperature=0.5).temperature == 0.5
    with pytest.raises(UsageError, match=r"temperature must be at least 0\.001"):
        smoke("simclr", temperature=0.0)
