"""Reading photos: those that are damaged get substitutes, and a machine without file handles is no damage."""

from __future__ import annotations

import errno
import pickle
from typing import Any

import numpy as np
import pytest

from maskgen.errors import EnvironmentFault, ShardFault
from maskgen.loaders.dataset.photo_set import PhotoSet
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.reading.photos import PhotoReader, unmasked
from maskgen.shards.meta import UNKNOWN


def photos(errors: dict[int, Exception]) -> PhotoSet:
    def read(number: int) -> Any:
        if number in errors:
            raise errors[number]
        return np.full((3 + number, 4, 3), number, np.uint8)

    return PhotoSet("here", "mark", np.arange(6, dtype=np.int64), read)


def test_a_batch_says_sizes_and_labels() -> None:
    taken, pictures = PhotoReader(photos({})).take(np.array([4, 2]), map)
    assert [picture.shape for picture in pictures] == [(7, 4, 3), (5, 4, 3)]
    assert taken.small.meta["size"].tolist() == [[7, 4], [5, 4]]
    assert taken.small.meta["label"].tolist() == [4, 2]
    assert (taken.keys, taken.samples.tolist()) == (["4", "2"], [4, 2])


def test_any_damage_is_replaced_by_the_same_photo_each_time() -> None:
    errors: dict[int, Exception] = {1: FileNotFoundError("gone"), 2: ShardFault("torn", remedy="mend")}
    reader = PhotoReader(photos(errors), on_error="skip")
    taken, pictures = reader.take(np.array([0, 1, 2]), map)
    again, _ = reader.take(np.array([0, 1, 2]), map)
    assert taken.samples.tolist() == again.samples.tolist()
    assert [picture[0, 0, 0] for picture in pictures] == taken.samples.tolist()
    assert (sorted(reader.broken), reader.skipped) == ([1, 2], 2)
    assert "gone" in reader.broken[1]


def test_a_fault_that_is_raised_says_how_to_mend_and_crosses_processes() -> None:
    with pytest.raises(BrokenSample) as told:
        PhotoReader(photos({3: OSError("bad sector")})).take(np.array([3]), map)
    assert "mend the photo" in str(told.value)
    assert "bad sector" in str(pickle.loads(pickle.dumps(told.value)))


def test_no_more_file_handles_are_no_damage() -> None:
    reader = PhotoReader(photos({3: OSError(errno.EMFILE, "too many")}), on_error="skip")
    with pytest.raises(EnvironmentFault, match="ulimit"):
        reader.take(np.array([3]), map)
    assert not reader.skipped


def test_photos_without_masks_have_no_foreground() -> None:
    small = unmasked([(3, 4)], np.array([-1]))
    assert not small.sat.any()
    assert not small.fg.any()
    assert small.meta["confidence_ppm"].tolist() == [UNKNOWN]
