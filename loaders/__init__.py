"""Stage two: shards as batches of views (DALI, or torch as its reference), or as masks for other projects (numpy).

A name's module is imported when the name is first used: recipes and views need nothing heavy, and only the loaders
import torch or DALI, when they are made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from maskgen.loaders.batch import Batch
    from maskgen.loaders.crops import choose_crops, coverage
    from maskgen.loaders.dali import DaliLoader
    from maskgen.loaders.dataset import Dataset, open_dataset
    from maskgen.loaders.masks import MaskReader
    from maskgen.loaders.order import LoaderState, Schedule
    from maskgen.loaders.recipes import RECIPES
    from maskgen.loaders.samples import BrokenSample, SampleReader
    from maskgen.loaders.shard import Shard
    from maskgen.loaders.torch_loader import TorchLoader
    from maskgen.loaders.views import (
        NO_PHOTOMETRIC,
        Background,
        Corruption,
        Crop,
        Negative,
        Photometric,
        Recipe,
        View,
    )

_MODULES = {
    "Batch": "batch",
    "BrokenSample": "samples",
    "DaliLoader": "dali",
    "Dataset": "dataset",
    "LoaderState": "order",
    "MaskReader": "masks",
    "RECIPES": "recipes",
    "SampleReader": "samples",
    "Schedule": "order",
    "Shard": "shard",
    "TorchLoader": "torch_loader",
    "choose_crops": "crops",
    "coverage": "crops",
    "open_dataset": "dataset",
}
"""Where the names are; those that are not here are in `views`."""

__all__ = [
    "NO_PHOTOMETRIC",
    "RECIPES",
    "Background",
    "Batch",
    "BrokenSample",
    "Corruption",
    "Crop",
    "DaliLoader",
    "Dataset",
    "LoaderState",
    "MaskReader",
    "Negative",
    "Photometric",
    "Recipe",
    "SampleReader",
    "Schedule",
    "Shard",
    "TorchLoader",
    "View",
    "choose_crops",
    "coverage",
    "open_dataset",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'views')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
