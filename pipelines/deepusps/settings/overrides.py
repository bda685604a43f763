"""`--set name=value`: a preset with some of its numbers changed, checked by name, type and range."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from .presets import SOURCES, Phase, Preset

_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_MOST_ROUNDS = 20
_CHOICES = {"precision": ("fp32", "bf16", "fp16")}
_LEAST = {
    "side": 16, "images": 1, "crf_side": 0, "threshold": 0.01, "epochs": 1, "lr": 0.0, "batch_size": 1,
    "beta2": 0.0, "power": 0.0, "crf_every": 0, "keep": 0.0, "crop": 0.1, "colour": 0.0, "paste": 0.0,
}  # fmt: skip
_MOST = {
    "side": 2048,
    "crf_side": 2048,
    "keep": 0.999,
    "crop": 1.0,
    "colour": 1.0,
    "paste": 1.0,
    "epochs": 100_000,
    "batch_size": 100_000,
}


def with_overrides(preset: Preset, settings: Iterable[str]) -> Preset:
    """The preset with fields set from texts.

    A phase's field is named ``fusion.epochs``; ``rounds.lr`` sets it in all rounds, ``rounds.2.lr`` in the second;
    ``rounds=1`` keeps the first only and ``rounds=0`` none; more than the preset has repeat its last one, or its fusion's numbers
    where it has none. ``priors`` takes names with commas.

    Args:
        preset: to begin with.
        settings: ``name=value`` texts, applied in their order.

    Raises:
        UsageError: a name that does not exist, a value of the wrong type or out of its range.
    """
    for setting in settings:
        name, sign, text = setting.partition("=")
        if not sign:
            raise UsageError(f"--set takes name=value, got {setting!r}")
        preset = _with(preset, name.strip().replace("-", "_"), text.strip())
    return preset


def _with(preset: Preset, name: str, text: str) -> Preset:
    head, _, tail = name.partition(".")
    if name == "priors":
        return dataclasses.replace(preset, priors=_priors(text))
    if name == "rounds":
        count = int(_number("rounds", text, int))
        if not 0 <= count <= _MOST_ROUNDS:
            raise UsageError(f"rounds is 0 to {_MOST_ROUNDS}, got {count}")
        last = preset.rounds[-1] if preset.rounds else preset.fusion
        return dataclasses.replace(preset, rounds=(*preset.rounds, *(last,) * count)[:count])
    if head == "fusion" and tail:
        return dataclasses.replace(preset, fusion=_phase_with(preset.fusion, tail, text))
    if head == "rounds":
        return dataclasses.replace(preset, rounds=_rounds_with(preset.rounds, tail, text))
    known = [f.name for f in dataclasses.fields(preset) if f.name not in ("name", "summary", "needs_init")]
    if name not in known or name == "fusion":
        raise UsageError(f"unknown setting {name!r}", remedy=nearest(name, known))
    return dataclasses.replace(preset, **{name: _parsed(name, text, type(getattr(preset, name)))})


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
    known = [f.name for f in dataclasses.fields(Phase)]
    if name not in known:
        raise UsageError(f"unknown setting {name!r} of a phase", remedy=nearest(name, known))
    return dataclasses.replace(phase, **{name: _parsed(name, text, type(getattr(phase, name)))})


def _priors(text: str) -> tuple[str, ...]:
    names = tuple(part.strip() for part in text.split(",") if part.strip())
    for name in names:
        if name not in SOURCES:
            raise UsageError(f"unknown prior {name!r}", remedy=nearest(name, list(SOURCES)))
    if not names or len(set(names)) < len(names):
        raise UsageError(f"priors takes different names of {', '.join(SOURCES)}, got {text!r}")
    return names


def _parsed(name: str, text: str, kind: type) -> Any:
    if kind is str:
        if name in _CHOICES and text not in _CHOICES[name]:
            raise UsageError(f"{name} got {text!r}", remedy=nearest(text, list(_CHOICES[name])))
        return text
    if kind is bool:
        if text.lower() not in _TRUTH:
            raise UsageError(f"{name} takes true or false, got {text!r}")
        return _TRUTH[text.lower()]
    value = _number(name, text, kind)
    least, most = _LEAST[name], _MOST.get(name, 10**9)
    if not least <= value <= most:
        raise UsageError(f"{name} must be {least:g} to {most:g}, got {text}")
    return value


def _number(name: str, text: str, kind: type) -> float:
    try:
        return int(text) if kind is int else float(text)
    except ValueError as error:
        words = "a whole number" if kind is int else "a number"
        raise UsageError(f"{name} takes {words}, got {text!r}") from error
