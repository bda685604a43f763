"""Every preset becomes small by settings that its method takes."""

from __future__ import annotations

import pytest

from maskgen.trainers import PRESETS, with_overrides
from maskgen.trainers.experiments.smoke import smoke_settings
from maskgen.trainers.experiments.trainings import as_text

ALL = [(method, name) for method, table in PRESETS.items() for name in table]


@pytest.mark.parametrize(("method", "name"), ALL)
def test_a_small_one_keeps_what_makes_it_an_arm(method: str, name: str) -> None:
    preset = PRESETS[method][name]
    changes = {name: as_text(value) for name, value in smoke_settings(preset).items()}
    small = with_overrides(preset, changes)
    assert (small.backbone, small.batch_size, small.epochs) == ("tiny", 8, 4)
    assert small.queue <= 256 or "queue" not in changes
    assert max(view.size for view in small.views.views) <= 56
    for kept in ("recipe", "optimizer", "lr", "weight_decay", "temperature", "ema", "background_p"):
        assert getattr(small, kept) == getattr(preset, kept)
    assert [one.background for one in small.views.views] == [one.background for one in preset.views.views]
