"""Shards in other formats: files of masks, annotations, tables, arrays.

`settings` says what is made; `samples` reads, `names` says what files are called; `formats` and their
`metadata`; `output` is a folder or an object store, `parts` are what is done of it, `run` does it. A name's
module is imported when the name is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .run import export_masks
    from .settings import Settings

_MODULES = {"Settings": "settings", "export_masks": "run"}

__all__ = ["Settings", "export_masks"]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
