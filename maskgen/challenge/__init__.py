"""Test sets that tell whether a classifier looks at the foreground, made from labeled shards and their masks.

`settings` says what is made; `selection` (which photos are fit), `donors` and `pairs` (whose background each
gets), `variants` and `noise` (the pictures), `photos` (read from shards), `pictures` (as bytes), `folders`,
`shard_sets` and `output` (written), `report`, `make` (all of it), `sheet`; `answers` of a classifier come to
`scores`. A name's module is imported when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .make import make_challenge
    from .scores import (
        background_gap,
        delta_saliency_density,
        relative_foreground_sensitivity,
        worst_group,
    )
    from .settings import Settings

_MODULES = {
    "Settings": "settings",
    "background_gap": "scores",
    "delta_saliency_density": "scores",
    "make_challenge": "make",
    "relative_foreground_sensitivity": "scores",
    "worst_group": "scores",
}

__all__ = [
    "Settings",
    "background_gap",
    "delta_saliency_density",
    "make_challenge",
    "relative_foreground_sensitivity",
    "worst_group",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
