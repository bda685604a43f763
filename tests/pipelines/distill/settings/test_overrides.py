"""`--set` of a DeepUSPS training."""

from __future__ import annotations

import dataclasses

import pytest

from maskgen.config.options import options_of
from maskgen.errors import UsageError
from maskgen.pipelines.distill.settings.overrides import with_overrides
from maskgen.pipelines.distill.settings.presets import FAST, RELICV2, Phase, Preset


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


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("side", "name=value"),
        ("sid=3", "did you mean 'side'"),
        ("side=big", "a whole number"),
        ("side=3", "must be from 16 to 2048 px"),
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


@pytest.mark.parametrize("owner", [Phase, Preset])
def test_every_setting_of_every_preset_keeps_its_own_bounds(owner: type) -> None:
    """What is published may also be given by hand."""
    from maskgen.pipelines.distill.settings.presets import PRESETS

    made: list[object] = []
    for preset in PRESETS.values():
        made += [preset] if owner is Preset else [*preset.rounds, preset.fusion]
    for name, one in options_of(owner).items():
        for value in (getattr(each, name) for each in made):
            one.check(value)
            text = ",".join(value) if isinstance(value, tuple) else str(value)
            assert one.parse(text) == value
