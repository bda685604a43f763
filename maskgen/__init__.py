"""Foreground masks and foreground-free backgrounds for vision training.

Masks of photos in memory, shards of a whole data set, and their loaders.

Example:
    >>> import maskgen
    >>> mask = maskgen.make_mask("vote", image)  # doctest: +SKIP
    >>> maskgen.run(dataset="folder", input="photos/", output="shards/")  # doctest: +SKIP
    >>> loader = maskgen.TorchLoader("shards/", recipe="mocov2", batch_size=64)  # doctest: +SKIP

A name's module is imported when the name is first used: importing this package imports no numpy, torch, DALI
or click.
"""

from __future__ import annotations

from importlib import import_module
from os.path import dirname, isfile, join
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

for _link in ("loaders", "pipelines", "trainers"):
    if isfile(join(dirname(__file__), _link)):  # noqa: PTH113, PTH118, PTH120 - pathlib would double the import
        raise ImportError(
            f"{join('maskgen', _link)} is a text file here, and must be a link to the folder {_link}: this "  # noqa: PTH118
            "clone was made without symbolic links, as git does on Windows. "
            "Next: git config core.symlinks true, then git checkout -- maskgen (Windows also asks for its "
            "developer mode); or install a wheel, which holds no links."
        )

if TYPE_CHECKING:
    from maskgen.loaders import RECIPES, DaliLoader, MaskReader, TorchLoader, open_dataset
    from maskgen.pipelines import run

    from .backgrounds import make_background
    from .config.run_config import RunConfig
    from .errors import MaskgenError
    from .methods import METHODS, make_mask
    from .shards.verify import verify

__all__ = [
    "METHODS",
    "RECIPES",
    "DaliLoader",
    "MaskReader",
    "MaskgenError",
    "RunConfig",
    "TorchLoader",
    "make_background",
    "make_mask",
    "open_dataset",
    "run",
    "verify",
]

_MODULES = {
    "DaliLoader": "loaders",
    "METHODS": "methods",
    "MaskReader": "loaders",
    "MaskgenError": "errors",
    "RECIPES": "loaders",
    "RunConfig": "config.run_config",
    "TorchLoader": "loaders",
    "make_background": "backgrounds",
    "make_mask": "methods",
    "open_dataset": "loaders",
    "run": "pipelines",
    "verify": "shards.verify",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
