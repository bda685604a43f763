"""Decoding alone decodes the photos of the data set, one batch after the other."""

from __future__ import annotations

import contextlib
import itertools
from typing import Any

import numpy as np
import pytest
from forge import forge, undecodable

pytest.importorskip("nvidia.dali", reason="DALI decodes")

from maskgen.errors import ShardFault
from maskgen.loaders import open_dataset
from maskgen.loaders.inspect.decoding import decoded
from maskgen.loaders.inspect.workload import Workload


def test_batches_follow_the_first_epochs_order_and_begin_again(drawn: Any) -> None:
    dataset = open_dataset(drawn.path)
    order = dataset.order(0, 0)[np.arange(dataset.samples)].tolist()
    numbers = itertools.cycle(order)
    with contextlib.closing(decoded(Workload(dataset=dataset, batch_size=5, threads=1))) as batches:
        for shapes in itertools.islice(batches, 6):
            expected = [[*drawn.drawings[next(numbers)].size, 3] for _ in range(5)]
            assert np.array(shapes[0].as_array()).tolist() == expected


def test_a_photo_that_does_not_decode_is_named(copy: Any) -> None:
    forge(copy.path, {drawing.key: {"jpg": undecodable} for drawing in copy.drawings})
    dataset = open_dataset(copy.path)
    with pytest.raises(ShardFault, match="cannot be decoded"):
        next(decoded(Workload(dataset=dataset, batch_size=5, threads=1)))
