"""The classes and paths of a data set's samples, from the tables: no tar is read."""

from __future__ import annotations

import json
import re

import numpy as np
from numpy.typing import NDArray

from maskgen.shards import table
from maskgen.types import Label

from .dataset import Dataset
from .shard import Shard

_NAMED = {"folder": re.compile(r"^([^/]+)/"), "imagenet": re.compile(r"(?:^|/)(n\d{8})(?=[_/.])")}
"""Where a class's name stands in the original path, by kind of source."""


def read_labels(dataset: Dataset) -> NDArray[np.int64]:
    """(N,) class of each sample by number, -1 where there is no single one.

    Raises:
        ShardFault: a table is damaged.
    """
    found = np.full(dataset.samples, -1, np.int64)
    for shard in dataset.shards:
        labels = shard_labels(dataset, shard)
        found[shard.first : shard.first + len(labels)] = [n if isinstance(n, int) else -1 for n in labels]
    return found


def shard_labels(dataset: Dataset, shard: Shard) -> list[Label]:
    """The label of each of the N samples of a shard.

    Raises:
        ShardFault: its table is damaged.
    """
    return [read_label(text) for text in _column(dataset, shard, "label")]


def shard_paths(dataset: Dataset, shard: Shard) -> list[str | None]:
    """The path that the photo of each of the N samples of a shard had in its source.

    Raises:
        ShardFault: its table is damaged.
    """
    return _column(dataset, shard, "path")


def _column(dataset: Dataset, shard: Shard, name: str) -> list[str | None]:
    """A column of text of a shard's table, in the order of its N samples."""
    rows = table.read(dataset.path / f"{shard.name}.parquet", ["key", name])
    known = dict(zip(rows["key"].to_pylist(), rows[name].to_pylist(), strict=True))
    return [known.get(key.decode()) for key in shard.keys.tolist()]


def read_label(text: str | None) -> Label:
    """A label as the table has it, JSON.

    Example:
        >>> read_label("7"), read_label("[1, 3]"), read_label(None)
        (7, (1, 3), None)
    """
    value = json.loads(text) if text else None
    if isinstance(value, list):
        return tuple(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def read_class_names(dataset: Dataset) -> dict[int, str]:
    """The name of each class by number: the folder (`--labels folder`) or wnid in its photos' original paths.

    Empty where the paths do not tell: other sources, or a flat folder of photos.
    """
    pattern = _NAMED.get(dataset.manifest.identity["options"]["dataset"])
    found: dict[int, str] = {}
    for number in range(len(dataset.shards)) if pattern else ():
        rows = table.read(dataset.path / f"{dataset.tars(number).name}.parquet", ["path", "label"])
        for path, text in zip(rows["path"].to_pylist(), rows["label"].to_pylist(), strict=True):
            label = read_label(text)
            if isinstance(label, int) and label >= 0:
                name = pattern.search(path) if pattern else None
                if name is None or found.setdefault(label, name[1]) != name[1]:
                    return {}
    return found if len(set(found.values())) == len(found) else {}
