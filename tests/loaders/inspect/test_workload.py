"""What a benchmark's cases share is checked before anything is measured."""

from __future__ import annotations

from typing import Any

import pytest

from maskgen.errors import UsageError
from maskgen.loaders import open_dataset
from maskgen.loaders.inspect.workload import Workload


def test_a_batch_larger_than_the_data_set_is_refused_with_the_largest_that_fits(drawn: Any) -> None:
    dataset = open_dataset(drawn.path)
    count = len(drawn.drawings)
    assert Workload(dataset=dataset, batch_size=count, threads=1).batch_size == count
    with pytest.raises(UsageError, match=f"a batch of {count + 1} from {count} samples") as caught:
        Workload(dataset=dataset, batch_size=count + 1, threads=1)
    assert ("batch_size", count) in caught.value.arguments
