"""Stage one, offline: source -> plan -> worker -> committed shards.

A name's module is imported when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .running import Outcome, Progress, RunOptions
    from .start import run

_MODULES = {"Outcome": "running", "Progress": "running", "RunOptions": "running", "run": "start"}

__all__ = ["Outcome", "Progress", "RunOptions", "run"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
