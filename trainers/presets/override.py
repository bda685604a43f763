"""`--set name=value`: a preset with some of its values changed, checked by name and type."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, get_type_hints

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError
from maskgen.loaders.recipes.published import RECIPES

from .spec import Preset, options

_TRUTH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}


def with_overrides(preset: Preset, values: Mapping[str, str]) -> Preset:
    """The preset with fields set from text; dashes and underscores in names are equal.

    Args:
        preset: to begin with.
        values: texts by field name, for example ``{"lr": "0.1", "milestones": "60,80", "fg_min": "none"}``.

    Raises:
        UsageError: a name that this method does not read, a text of the wrong type, or a value out of its range.
    """
    known = [option.name for option in options(preset.method) if option.name != "method"]
    types = get_type_hints(Preset)
    parsed: dict[str, Any] = {}
    for given, text in values.items():
        name = given.replace("-", "_")
        if name not in known:
            others = name in types and "only" in Preset.__dataclass_fields__[name].metadata
            why = f"{preset.method} does not use it" if others else ""
            raise UsageError(f"unknown setting {given!r}", cause=why, remedy=nearest(name, known))
        parsed[name] = _parse(name, text.strip(), types[name])
    changed = tuple(sorted({*preset.changed, *parsed}))
    made = dataclasses.replace(preset, **parsed, changed=changed)
    _check_effect(made, parsed)
    return made


def _check_effect(preset: Preset, parsed: Mapping[str, Any]) -> None:
    """Refuse what was set and changes nothing about this recipe's views."""
    views = preset.views.views
    small = len({view.size for view in RECIPES[preset.recipe].views}) > 1
    overlapping = any(view.crop.overlap_of is not None for view in views)
    for name, works, what in (("small_px", small, "small"), ("overlap_min", overlapping, "constrained")):
        default = Preset.__dataclass_fields__[name].default
        if parsed.get(name, default) != default and not works:
            raise UsageError(
                f"{name} is set, but the recipe {preset.recipe!r} has no {what} views",
                remedy=f"leave {name} out, or set another recipe",
            )


def _parse(name: str, text: str, kind: Any) -> Any:
    try:
        if kind == (float | None):
            return None if text.lower() == "none" else float(text)
        if kind is bool:
            return _TRUTH[text.lower()]
        if kind == tuple[int, ...]:
            return tuple(int(part) for part in text.split(",") if part.strip())
        return kind(text)
    except (ValueError, KeyError) as error:
        words = {bool: "true or false", int: "a whole number", float: "a number"}
        wanted = words.get(
            kind, "whole numbers such as 60,80" if "tuple" in str(kind) else "a number or none"
        )
        raise UsageError(f"{name} takes {wanted}, got {text!r}") from error
