"""The format of shards: what is in them, how they are committed, read and verified.

A name's module is imported when the name is first used. `maskgen.verify` checks a folder of shards.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .manifest import Manifest
    from .meta import META
    from .patch import read_background
    from .reader import SampleBytes, read_samples
    from .verify import Fault, Report, repair

_MODULES = {
    "Fault": "verify",
    "META": "meta",
    "Manifest": "manifest",
    "Report": "verify",
    "SampleBytes": "reader",
    "read_background": "patch",
    "read_samples": "reader",
    "repair": "verify",
}

__all__ = [
    "META",
    "Fault",
    "Manifest",
    "Report",
    "SampleBytes",
    "read_background",
    "read_samples",
    "repair",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
