"""Stage two: shards as batches of views (DALI, or torch), or as masks for other projects (numpy).

A name's module is imported when the name is first used: recipes and views need nothing heavy, and only the
loaders import torch or DALI, when they are made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .batch import Batch
    from .dali.loader import DaliLoader
    from .dataset.dataset import Dataset
    from .dataset.open import open_dataset
    from .dataset.subset import Subset
    from .interop.shard_dataset import ShardDataset
    from .interop.shard_stream import ShardStream
    from .interop.webdataset_masks import WithMasks
    from .reading.broken import BrokenSample
    from .reading.masks import MaskReader
    from .reading.samples import SampleReader
    from .recipes.parts import NO_PHOTOMETRIC, Background, Corruption, Crop, Photometric
    from .recipes.published import RECIPES
    from .recipes.spec import Negative, Recipe, View
    from .torch.loader import TorchLoader

_MODULES = {
    "Batch": "batch",
    "BrokenSample": "reading.broken",
    "DaliLoader": "dali.loader",
    "Dataset": "dataset.dataset",
    "MaskReader": "reading.masks",
    "RECIPES": "recipes.published",
    "SampleReader": "reading.samples",
    "ShardDataset": "interop.shard_dataset",
    "ShardStream": "interop.shard_stream",
    "Subset": "dataset.subset",
    "TorchLoader": "torch.loader",
    "Negative": "recipes.spec",
    "Recipe": "recipes.spec",
    "View": "recipes.spec",
    "WithMasks": "interop.webdataset_masks",
    "open_dataset": "dataset.open",
}
"""Where the names are; those that are not here are in `recipes.parts`."""

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
    "MaskReader",
    "Negative",
    "Photometric",
    "Recipe",
    "SampleReader",
    "ShardDataset",
    "ShardStream",
    "Subset",
    "TorchLoader",
    "View",
    "WithMasks",
    "open_dataset",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_MODULES.get(name, 'recipes.parts')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
