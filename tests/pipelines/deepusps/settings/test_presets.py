"""The numbers of the papers, and `--set`."""

from __future__ import annotations

import dataclasses
import json

import pytest

from maskgen.errors import UsageError
from maskgen.pipelines.deepusps.data.store import record_of
from maskgen.pipelines.deepusps.settings.overrides import with_overrides
from maskgen.pipelines.deepusps.settings.presets import (
    FAST,
    ORIGINAL,
    PRESETS,
    RELICV2,
    SHOWN,
    as_facts,
    from_facts,
    preset_named,
)
from maskgen.pipelines.deepusps.training.schedule import of_fusion, of_rounds


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
    preset = preset_named(name)
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
        preset_named("relic2")
    assert "test" not in SHOWN


def test_overrides_reach_every_level() -> None:
    changes = (
        "side=320",
        "rounds.lr=2e-4",
        "rounds.2.epochs=7",
        "fusion.flip=no",
        "priors=mc,rbd",
        "crf-side=0",
    )
    preset = with_overrides(RELICV2, changes)
    assert (preset.side, preset.crf_side, preset.priors) == (320, 0, ("mc", "rbd"))
    assert [phase.lr for phase in preset.rounds] == [2e-4] * 3
    assert [phase.epochs for phase in preset.rounds] == [25, 7, 25]
    assert preset.fusion.flip is False


def test_rounds_are_left_out_or_repeated() -> None:
    first, second, third = RELICV2.rounds
    assert with_overrides(RELICV2, ("rounds=1",)).rounds == (first,)
    assert with_overrides(RELICV2, ("rounds=0",)).rounds == ()
    assert with_overrides(RELICV2, ("rounds=5",)).rounds == (first, second, third, third, third)
    without = dataclasses.replace(FAST, rounds=())
    assert with_overrides(without, ("rounds=2", "rounds.2.crf_every=6")).rounds == (
        FAST.fusion,
        dataclasses.replace(FAST.fusion, crf_every=6),
    )


def test_priors_are_cut_at_their_mean_and_what_a_colour_cut_made_in_the_middle() -> None:
    assert RELICV2.threshold_of("rbd", 0.2) == pytest.approx(0.3)
    assert RELICV2.threshold_of("vote", 0.2) == 0.5
    assert dataclasses.replace(RELICV2, cut=True).threshold_of("rbd", 0.2) == 0.5
    means = dict.fromkeys(FAST.priors, 0.2)
    assert of_rounds(FAST, means)[0].thresholds == (0.5,) * 5
    uncut = with_overrides(FAST, ("cut=no", "priors=mc,vote"))
    assert of_fusion(with_overrides(uncut, ("rounds=0",)), means).thresholds == pytest.approx((0.3, 0.5))
    assert of_rounds(with_overrides(uncut, ("joint=no",)), means)[0].thresholds == pytest.approx((0.3,))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("side", "name=value"),
        ("sid=3", "did you mean 'side'"),
        ("side=big", "a whole number"),
        ("side=3", "must be 16"),
        ("fusion.lr=nan", "must be"),
        ("rounds.9.lr=1", "rounds count from 1 to 2"),
        ("cut=perhaps", "true or false"),
        ("rounds=99", "0 to 20"),
        ("fusion.epoch=3", "did you mean 'epochs'"),
        ("fusion.precision=fp8", "did you mean .fp32"),
        ("fusion.flip=perhaps", "true or false"),
        ("priors=rbd,dsrr", "did you mean 'dsr'"),
        ("priors=rbd,rbd", "different"),
        ("fusion=3", "unknown setting"),
        ("name=x", "unknown setting"),
    ],
)
def test_wrong_overrides_are_refused_in_words(change: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        with_overrides(FAST, (change,))


def test_a_round_of_a_preset_without_any_is_refused() -> None:
    with pytest.raises(UsageError, match="has no rounds"):
        with_overrides(FAST, ("rounds=0", "rounds.1.lr=1"))


@pytest.mark.parametrize("change", ["rounds.0.lr=1", "rounds.4.lr=1", "rounds.x.lr=1"])
def test_rounds_count_from_one(change: str) -> None:
    with pytest.raises(UsageError, match="from 1 to 3"):
        with_overrides(RELICV2, (change,))


def test_predictions_are_kept_every_few_epochs_or_once() -> None:
    phase = dataclasses.replace(ORIGINAL.rounds[0], epochs=5)
    for every, expected in ((1, [1, 2, 3, 4, 5]), (2, [2, 4]), (6, []), (0, [5])):
        kept = dataclasses.replace(phase, crf_every=every)
        assert [epoch for epoch in range(1, 6) if kept.enters_after(epoch)] == expected
        assert kept.passes == len(expected)


def test_joint_rounds_learn_from_all_priors_and_leave_labels_for_each() -> None:
    preset = with_overrides(FAST, ("rounds=2", "joint=yes", "priors=mc,vote", "cut=no"))
    first, second = of_rounds(preset, {"mc": 0.2, "vote": 0.3})
    assert (first.name, first.group) == ("all-round-1", "all")
    assert first.labels == ("priors/mc", "priors/vote")
    assert first.thresholds == pytest.approx((0.3, 0.5))
    assert first.leaves == second.labels == ("labels/all/1/mc", "labels/all/1/vote")
    assert {record_of(name) for name in second.leaves} == {second.name}
    assert of_fusion(preset, {}).labels == second.leaves


def test_each_prior_has_its_own_rounds_as_released() -> None:
    trainings = of_rounds(RELICV2, dict.fromkeys(RELICV2.priors, 0.2))
    assert [one.name for one in trainings[:4]] == ["rbd-round-1", "rbd-round-2", "rbd-round-3", "mr-round-1"]
    assert trainings[1].labels == trainings[0].leaves == ("labels/rbd/1",)
    assert {record_of(name) for one in trainings for name in one.leaves} == {one.name for one in trainings}
