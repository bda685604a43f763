"""Stage two: shards as batches of views (DALI), or as masks for other projects (numpy).

Importing this package imports neither torch nor DALI; `DaliLoader` does when it is made.
"""

from maskgen.loaders.crops import centre_crops, constrained_crops, coverage
from maskgen.loaders.dali import Batch, DaliLoader
from maskgen.loaders.dataset import Dataset, open_dataset
from maskgen.loaders.masks import MaskReader
from maskgen.loaders.shard import Shard
from maskgen.loaders.views import View

__all__ = [
    "Batch",
    "DaliLoader",
    "Dataset",
    "MaskReader",
    "Shard",
    "View",
    "centre_crops",
    "constrained_crops",
    "coverage",
    "open_dataset",
]
