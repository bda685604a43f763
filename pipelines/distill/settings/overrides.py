"""`--set name=value`: a preset with some of its numbers changed, checked by name, type and range."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from maskgen.config.bounds import between
from maskgen.config.options import Option, known_name, options_of, split_assignment
from maskgen.errors import UsageError

from .presets import SOURCES, Phase, Preset

_ROUNDS = Option(help="How many rounds.", name="rounds", kind=int, bounds=between(0, 20))


def with_overrides(preset: Preset, settings: Iterable[str]) -> Preset:
    """The preset with fields set from texts.

    A phase's field is named ``fusion.epochs``; ``rounds.lr`` sets it in all rounds, ``rounds.2.lr`` in the
    second; ``rounds=1`` keeps the first only and ``rounds=0`` none; more than the preset has repeat its last
    one, or its fusion's numbers where it has none. ``priors`` takes names with commas.

    Args:
        preset: to begin with.
        settings: ``name=value`` texts, applied in their order.

    Raises:
        UsageError: a name that does not exist, a value of the wrong type or out of its range.
    """
    for setting in settings:
        name, text = split_assignment(setting)
        preset = _with(preset, name.replace("-", "_"), text)
    return preset


def _with(preset: Preset, name: str, text: str) -> Preset:
    head, _, tail = name.partition(".")
    if name == "rounds":
        count = _ROUNDS.parse(text)
        last = preset.rounds[-1] if preset.rounds else preset.fusion
        return dataclasses.replace(preset, rounds=(*preset.rounds, *(last,) * count)[:count])
    if head == "fusion" and tail:
        return dataclasses.replace(preset, fusion=_phase_with(preset.fusion, tail, text))
    if head == "rounds":
        return dataclasses.replace(preset, rounds=_rounds_with(preset.rounds, tail, text))
    known = options_of(Preset)
    value = known[known_name(name, known, what="setting")].parse(text)
    if name == "priors" and (not value or len(set(value)) < len(value)):
        raise UsageError(
            f"priors takes different names of {', '.join(SOURCES)}, got {text!r}",
            remedy="for example --set priors=rbd,mr,mc",
        )
    return dataclasses.replace(preset, **{name: value})


def _rounds_with(rounds: tuple[Phase, ...], tail: str, text: str) -> tuple[Phase, ...]:
    if not rounds:
        raise UsageError("this training has no rounds", remedy="--set rounds=2 before it gives it two")
    number, dot, field = tail.partition(".")
    if not dot:
        return tuple(_phase_with(phase, tail, text) for phase in rounds)
    if not number.isdigit() or not 1 <= int(number) <= len(rounds):
        raise UsageError(f"there is no round {number!r}", remedy=f"rounds count from 1 to {len(rounds)}")
    chosen = int(number) - 1
    return (*rounds[:chosen], _phase_with(rounds[chosen], field, text), *rounds[chosen + 1 :])


def _phase_with(phase: Phase, name: str, text: str) -> Phase:
    known = options_of(Phase)
    return dataclasses.replace(
        phase, **{name: known[known_name(name, known, what="setting of a phase")].parse(text)}
    )
