"""Stage two: shards as batches of views (DALI, or torch as its reference), or as masks for other projects (numpy).

Importing this package imports neither torch nor DALI; the loaders do when they are made.
"""

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
