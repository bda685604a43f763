"""Which objects crops show: worked by hand, and by drawing crops and objects as pictures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.loaders.inspect.objects import object_stats, shown_areas

LEFT, RIGHT, BOTH = (0.0, 0.0, 1.0, 0.5), (0.0, 0.5, 1.0, 0.5), (0.0, 0.0, 1.0, 1.0)
TOP = (0.0, 0.0, 0.25, 1.0)


def drawn(*places: tuple[slice, slice]) -> tuple[NDArray[np.bool_], ...]:
    """Objects of a photo of 8 x 12 px."""
    found = []
    for place in places:
        mask = np.zeros((8, 12), np.bool_)
        mask[place] = True
        found.append(mask)
    return tuple(found)


CAT, DOG = np.s_[4:8, 0:6], np.s_[3:8, 7:12]


@pytest.mark.parametrize(
    ("pair", "objects", "want"),
    [
        ((LEFT, RIGHT), (CAT, DOG), (1, 1, 1)),  # the cat here, the dog there
        ((LEFT, BOTH), (CAT, DOG), (1, 1, 0)),  # the dog is the larger one of the second, but the cat in both
        ((RIGHT, BOTH), (CAT, DOG), (1, 0, 0)),
        ((LEFT, TOP), (CAT, DOG), (0, 0, 0)),  # the second shows none
        ((LEFT, RIGHT), (), (0, 0, 0)),
    ],
)
def test_pairs_of_crops(pair: tuple, objects: tuple, want: tuple[int, int, int]) -> None:
    (found,) = object_stats(np.array([pair]), np.array([7]), lambda _: drawn(*objects))
    assert found == ((0, 1), 1, *want)


def test_photos_that_are_not_known_do_not_count_and_views_are_paired() -> None:
    crops = np.array([[LEFT, RIGHT, BOTH], [LEFT, LEFT, LEFT], [RIGHT, RIGHT, TOP]])
    found = object_stats(crops, np.array([3, 5, 9]), lambda n: None if n == 5 else drawn(CAT, DOG))
    assert [(one.views, one.photos) for one in found] == [((0, 1), 2), ((0, 2), 2), ((1, 2), 2)]
    assert [one.both for one in found] == [1, 0.5, 0.5]
    assert [one.other for one in found] == [0.5, 1, 0]
    assert [one.none_common for one in found] == [0.5, 0, 0]


def test_areas_are_those_of_drawn_crops() -> None:
    rng = np.random.default_rng(0)
    edges = np.sort(rng.integers(0, 9, (50, 2, 2)), axis=2)  # of 8 rows and of 8 columns
    objects = tuple(rng.random((8, 8)) < 0.3 for _ in range(3))
    crops = np.stack([edges[:, 0, 0], edges[:, 1, 0], *(edges[:, :, 1] - edges[:, :, 0]).T], axis=1) / 8
    rows, columns = np.mgrid[:8, :8]
    want = [
        [
            int((mask & (rows >= y[0]) & (rows < y[1]) & (columns >= x[0]) & (columns < x[1])).sum())
            for mask in objects
        ]
        for y, x in edges
    ]
    assert shown_areas(crops, objects).tolist() == want
