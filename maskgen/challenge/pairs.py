"""Two classes on each other's backgrounds, as water birds and land birds on water and land.

Sagawa, Koh, Hashimoto, Liang, ICLR 2020, https://arxiv.org/abs/1911.08731: in training most photos stand on
the background that goes with their class, in validation and test half of them; a classifier is judged by the
group that fares worst. Deviations: the places are backgrounds of the two classes' own photos, not of Places;
photos are dealt 60 : 20 : 20, not by a fixed list; the test's shares of places are 50 : 50 in both classes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass

from ..config.suggest import nearest
from ..errors import UsageError
from .donors import Donors, draw

PAIRS = "pairs"
METADATA = "metadata.csv"
SPLITS = ("train", "val", "test")
_PERCENT = (60, 80)
"""A photo below the first is of training, below the second of validation."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A photo of the set.

    Args:
        y: 0 for the first of the two classes, 1 for the second.
        split: number in `SPLITS`.
        place: 0 or 1, the class whose background it stands on.
        donor: number of the photo whose background that is, of the same split.
    """

    y: int
    split: int
    place: int
    donor: int


def make_pairs(donors: Donors, classes: tuple[int, int], bias: float) -> dict[int, Pair]:
    """Deal the photos of two classes into splits and places, by the seed and each photo's key.

    Args:
        donors: all photos.
        classes: two labels.
        bias: share of training photos whose place is their class's own.

    Returns:
        By the photo's number.

    Raises:
        UsageError: a split has fewer than two photos of a class.
    """
    splits = {number: _split(donors, number) for label in classes for number in donors.members[label]}
    pools = [
        [[n for n in donors.members[label] if splits[n] == split] for split in range(len(SPLITS))]
        for label in classes
    ]
    for label, pool in zip(classes, pools, strict=True):
        for name, group in zip(SPLITS, pool, strict=True):
            if len(group) < 2:
                raise UsageError(
                    f"the class {label} has fewer than two photos for {name}",
                    cause=f"60 : 20 : 20 of its {len(donors.members[label])} photos are dealt to "
                    "train, val and test",
                    remedy="choose classes of more photos for --pairs, or another --seed",
                )
    found = {}
    for y, label in enumerate(classes):
        for number in donors.members[label]:
            split, key = splits[number], donors.keys[number]
            own = bias if split == 0 else 0.5
            place = y if draw(1_000_000, donors.seed, "place", key) < own * 1_000_000 else 1 - y
            others = [n for n in pools[place][split] if n != number]
            found[number] = Pair(y, split, place, others[draw(len(others), donors.seed, PAIRS, key)])
    return found


def _split(donors: Donors, number: int) -> int:
    drawn = draw(100, donors.seed, "split", donors.keys[number])
    return sum(drawn >= edge for edge in _PERCENT)


def find_classes(text: str, names: Mapping[int, str]) -> tuple[int, int]:
    """The two labels that are meant.

    Args:
        text: two numbers, or names, with a comma between them.
        names: of the classes that there are, by number; a number stands for a class without a name.

    Raises:
        UsageError: not two different classes.

    Example:
        >>> from maskgen.challenge.pairs import find_classes
        >>> find_classes("cat,4", {1: "cat", 4: "dog"})
        (1, 4)
    """
    known = {str(label): label for label in names} | {name: label for label, name in names.items()}
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in known:
            raise UsageError(f"--pairs knows no class {word!r}", remedy=nearest(word, list(known)[:40]))
    if len({known[word] for word in words}) != 2 or len(words) != 2:
        raise UsageError(f"--pairs takes two classes, got {text!r}", remedy="name two, as in --pairs 0,3")
    return known[words[0]], known[words[1]]


def list_pairs(pairs: Mapping[int, Pair], keys: Mapping[int, str], files: Mapping[int, str]) -> bytes:
    """``metadata.csv`` with the columns of Waterbirds, as its readers take it.

    Args:
        pairs: by number.
        keys: of the photos.
        files: where each picture lies in the set's folder.
    """
    sink = io.StringIO()
    rows = csv.writer(sink, lineterminator="\n")
    rows.writerow(["img_id", "img_filename", "y", "split", "place", "place_filename"])
    for place, number in enumerate(sorted(pairs)):
        one = pairs[number]
        rows.writerow([place, files[number], one.y, one.split, one.place, keys[one.donor]])
    return sink.getvalue().encode()
