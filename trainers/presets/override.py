"""`--set name=value`: a preset with some of its values changed, checked by name and type."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from maskgen.config.options import options_of
from maskgen.config.suggest import nearest
from maskgen.errors import UsageError
from maskgen.loaders.recipes.lookup import as_recipe

from .spec import Preset, options

_PARTS = ("views", "negative", "corruption")
"""Of a recipe: what paths to its fields begin with."""


def with_overrides(preset: Preset, values: Mapping[str, str]) -> Preset:
    """The preset with fields set from text; dashes and underscores in names are equal.

    A field of a view is named by its path, and set after the recipe's and the preset's own values, see
    `maskgen.loaders.recipes.text.with_changes`.

    Args:
        preset: to begin with.
        values: texts by field name, for example ``{"lr": "0.1", "milestones": "60,80", "fg_min": "none"}``,
            or by path, ``{"views.1.background.p": "0"}``.

    Raises:
        UsageError: a name that this method does not read, a text of the wrong type, or a value out of its
            range.

    Example:
        >>> from maskgen.trainers import PRESETS, with_overrides
        >>> with_overrides(PRESETS["simclr"]["imagenet-100"], {"batch-size": "512"}).batch_size
        512
    """
    known = {one.name: one for one in options(preset.method) if one.name != "method"}
    parsed: dict[str, Any] = {}
    paths = dict(preset.view_changes)
    for given, text in values.items():
        name = given.strip().replace("-", "_")
        if name.partition(".")[0] in _PARTS and "." in name:
            paths.pop(name, None)  # what is set last is done last
            paths[name] = text
            continue
        if name not in known:
            others = name in options_of(Preset) and name != "method"
            why = f"{preset.method} does not use it" if others else ""
            raise UsageError(f"unknown setting {given!r}", cause=why, remedy=nearest(name, known))
        parsed[name] = known[name].parse(text)
    changed = tuple(sorted({*preset.changed, *parsed}))
    made = dataclasses.replace(preset, **parsed, changed=changed, view_changes=tuple(paths.items()))
    _check_effect(made, parsed)
    return made


def _check_effect(preset: Preset, parsed: Mapping[str, Any]) -> None:
    """Refuse what was set and changes nothing about this recipe's views."""
    views, given = preset.views.views, as_recipe(preset.recipe).views
    small = len({view.size for view in given}) > 1
    augmented = any(view.photometric.auto_augment_p for view in given)
    if parsed.get("symmetric") and len(views) > 2:
        raise UsageError(
            f"symmetric is set, but the {len(views)} views of {preset.recipe!r} are all paired anyhow",
            remedy="leave symmetric out",
        )
    overlapping = any(view.crop.overlap_of is not None for view in views)
    for name, works, what in (
        ("small_px", small, "small"),
        ("overlap_min", overlapping, "constrained"),
        ("auto_augment_p", augmented, "AutoAugment"),
    ):
        default = options_of(Preset)[name].default
        if parsed.get(name, default) != default and not works:
            raise UsageError(
                f"{name} is set, but the recipe {preset.recipe!r} has no {what} views",
                remedy=f"leave {name} out, or set another recipe",
            )
