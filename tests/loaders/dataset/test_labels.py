"""The classes of samples, from the tables."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from maskgen.loaders import Subset, open_dataset
from maskgen.loaders.dataset.labels import read_class_names, read_labels


def test_labels_follow_the_samples_of_the_data_set_that_is_open(drawn: Any) -> None:
    for subset in (None, Subset(sample=7, seed=1)):
        dataset = open_dataset(drawn.path, subset=subset)
        keys = dataset.keys(np.arange(dataset.samples))
        assert read_labels(dataset).tolist() == [drawn.by_key(key).label for key in keys]


def test_classes_are_called_as_their_folders(shards: Path) -> None:
    assert read_class_names(open_dataset(shards)) == {0: "astronaut", 1: "cat", 2: "coffee"}
