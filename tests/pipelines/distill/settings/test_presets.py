"""The numbers of the papers."""

from __future__ import annotations

import dataclasses
import json

import pytest

from maskgen.errors import UsageError
from maskgen.pipelines.distill.settings.overrides import with_overrides
from maskgen.pipelines.distill.settings.presets import (
    FAST,
    ORIGINAL,
    PRESETS,
    RELICV2,
    SHOWN,
    as_facts,
    find_preset,
    from_facts,
)
from maskgen.pipelines.distill.training.schedule import schedule_fusion, schedule_rounds


def test_relicv2_is_its_appendix() -> None:
    assert RELICV2.images == 2500
    assert RELICV2.priors == ("rbd", "mr", "dsr", "mc")
    assert [phase.lr for phase in RELICV2.rounds] == [1e-5, 2e-5, 4e-5]
    assert [phase.epochs for phase in RELICV2.rounds] == [25, 25, 25]
    assert (RELICV2.fusion.epochs, RELICV2.fusion.lr) == (200, 1e-5)
    assert {phase.batch_size for phase in (*RELICV2.rounds, RELICV2.fusion)} == {10}


def test_original_is_the_released_code() -> None:
    assert ORIGINAL.side == ORIGINAL.crf_side == 432
    assert [phase.lr for phase in ORIGINAL.rounds] == [1e-6, 2e-6, 5e-6]
    assert [phase.beta2 for phase in ORIGINAL.rounds] == [1.0] * 3
    assert (ORIGINAL.fusion.beta2, ORIGINAL.fusion.lr, ORIGINAL.fusion.epochs) == (4.0, 1e-4, 200)
    assert all((phase.keep, phase.crf_every, phase.flip) == (0.7, 1, False) for phase in ORIGINAL.rounds)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_json_and_can_be_run(name: str) -> None:
    preset = find_preset(name, taught=PRESETS[name].taught)
    facts = json.loads(json.dumps(as_facts(preset)))
    again = from_facts(facts)
    assert as_facts(again) == facts
    assert (again.rounds, again.fusion, again.priors) == (preset.rounds, preset.fusion, preset.priors)
    for phase in preset.rounds:
        assert phase.passes, "a round would leave no labels"
    assert preset.crf_side <= preset.side
    assert preset.images >= preset.fusion.batch_size


def test_an_unknown_preset_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="relicv2"):
        find_preset("relic2")
    with pytest.raises(UsageError, match="noisy"):
        find_preset("noise", taught=True)
    with pytest.raises(UsageError, match="unknown preset 'noisy'"):
        find_preset("noisy")  # that of students is none of DeepUSPS's
    assert "test" not in SHOWN


def test_priors_are_cut_at_their_mean_and_what_a_color_cut_made_in_the_middle() -> None:
    assert RELICV2.threshold_of("rbd", 0.2) == pytest.approx(0.3)
    assert RELICV2.threshold_of("vote", 0.2) == 0.5
    assert dataclasses.replace(RELICV2, cut=True).threshold_of("rbd", 0.2) == 0.5
    means = dict.fromkeys(FAST.priors, 0.2)
    assert schedule_rounds(FAST, means)[0].thresholds == (0.5,) * 5
    uncut = with_overrides(FAST, ("cut=no", "priors=mc,vote"))
    assert schedule_fusion(with_overrides(uncut, ("rounds=0",)), means).thresholds == pytest.approx(
        (0.3, 0.5)
    )
    assert schedule_rounds(with_overrides(uncut, ("joint=no",)), means)[0].thresholds == pytest.approx((0.3,))


def test_predictions_are_kept_every_few_epochs_or_once() -> None:
    phase = dataclasses.replace(ORIGINAL.rounds[0], epochs=5)
    for every, expected in ((1, [1, 2, 3, 4, 5]), (2, [2, 4]), (6, []), (0, [5])):
        kept = dataclasses.replace(phase, crf_every=every)
        assert [epoch for epoch in range(1, 6) if kept.enters_after(epoch)] == expected
        assert kept.passes == len(expected)
