"""Smoke presets are small: a tiny network, small views, few epochs."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.loaders.order.schedule import Schedule
from maskgen.trainers.data.shards import rank_batch
from maskgen.trainers.presets import PRESETS
from maskgen.trainers.presets.smoke import smoke
from maskgen.trainers.settings import Settings


@pytest.mark.parametrize("method", PRESETS)
def test_a_smoke_preset_is_small(method: str) -> None:
    preset = PRESETS[method]["smoke"]
    assert (preset.backbone, preset.epochs, preset.batch_size, preset.lr_factor) == ("tiny", 4, 8, 1)
    assert max(view.size for view in preset.views.views) <= 56
    assert preset.recipe == method


@pytest.mark.parametrize("method", PRESETS)
def test_a_smoke_preset_trains_on_the_photos_of_the_demo(method: str, tmp_path: Path) -> None:
    preset = PRESETS[method]["smoke"]
    here = Settings(data="shards", output=tmp_path)
    assert Schedule(16, rank_batch(preset, here, 1)).steps == 2  # neither refuses


def test_changes_are_checked() -> None:
    assert smoke("simclr", temperature=0.5).temperature == 0.5
    with pytest.raises(UsageError, match=r"temperature must be at least 0\.001"):
        smoke("simclr", temperature=0.0)
