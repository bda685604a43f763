"""The stream by itself: its order, beginning anew, and a picture that DALI cannot decode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from forge import forge, undecodable

from maskgen.loaders import Recipe, SampleReader, View, open_dataset
from maskgen.loaders.dali.stream import Stream, open_stream
from maskgen.loaders.options import LoaderOptions
from maskgen.loaders.reading.broken import BrokenSample

RECIPE = Recipe(views=(View(size=16),))


def opened(path: Any, **options: Any) -> Stream:
    reader = SampleReader(open_dataset(path), ("jpg",), on_error=options.get("on_error", "raise"))
    return open_stream(reader, RECIPE, 4, LoaderOptions(**options))


def requests(*starts: int) -> Any:
    return iter([(np.arange(start, start + 4), 0, 0) for start in starts])


def samples(stream: Stream) -> list[int]:
    return [int(feed.sources.taken.samples[0]) for feed, _ in stream]


@pytest.mark.slow
@pytest.mark.parametrize("prefetch", [1, 3])
def test_batches_come_in_the_order_of_their_requests(drawn: Any, prefetch: int) -> None:
    stream = opened(drawn.path, prefetch=prefetch)
    stream.begin(requests(8, 0, 12, 4))
    assert samples(stream) == [8, 0, 12, 4]
    assert samples(stream) == []


@pytest.mark.parametrize("anew", [False, True])
def test_a_new_beginning_drops_what_was_on_its_way(drawn: Any, anew: bool) -> None:
    stream = opened(drawn.path)
    stream.begin(requests(0, 4, 8, 12))
    next(stream)
    stream.begin(requests(16, 2), anew=anew)
    assert samples(stream) == [16, 2]


def spoil(path: Any, sample: int) -> None:
    """Leave a member that is a JPEG by its header and cannot be decoded."""
    (key,) = open_dataset(path).keys(np.array([sample]))
    forge(path, {key: {"jpg": undecodable}})


def test_an_undecodable_photo_is_an_error_in_its_own_place(copy: Any) -> None:
    spoil(copy.path, 5)
    stream = opened(copy.path)
    stream.begin(requests(0, 4, 8))
    assert next(stream)[0].sources.taken.samples.tolist() == [0, 1, 2, 3]
    with pytest.raises(BrokenSample) as caught:
        next(stream)
    assert caught.value.sample == 5
    assert samples(stream) == [8]


def test_an_undecodable_photo_is_replaced(copy: Any) -> None:
    spoil(copy.path, 5)
    stream = opened(copy.path, on_error="skip")
    stream.begin(requests(0, 4, 8))
    taken = [feed.sources.taken.samples.tolist() for feed, _ in stream]
    assert [taken[0], taken[2]] == [[0, 1, 2, 3], [8, 9, 10, 11]]
    assert taken[1][0] == 4
    assert taken[1][2:] == [6, 7]
    assert taken[1][1] != 5
