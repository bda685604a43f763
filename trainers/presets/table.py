"""Every preset by method and name."""

from __future__ import annotations

from importlib import import_module

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from ..registry import TRAINER_METHODS
from .spec import Preset

PRESETS: dict[str, dict[str, Preset]] = {
    name: import_module(f".{row.module}", __package__).PRESETS for name, row in TRAINER_METHODS.items()
}
"""The tables of the methods' files, which all end in ``smoke``."""


def find_preset(method: str, name: str) -> Preset:
    """The preset of a method by its name.

    Raises:
        UsageError: there is no such method or preset.

    Example:
        >>> from maskgen.trainers import find_preset
        >>> find_preset("simclr", "imagenet-1000").batch_size
        4096
    """
    if method not in PRESETS:
        raise UsageError(f"unknown method {method!r}", remedy=nearest(method, list(PRESETS)))
    if name not in PRESETS[method]:
        raise UsageError(f"{method} has no preset {name!r}", remedy=nearest(name, list(PRESETS[method])))
    return PRESETS[method][name]
