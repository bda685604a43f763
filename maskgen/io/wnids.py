"""The files that say which class each of ImageNet's validation photos is of: their names, and their lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

WNID = re.compile(r"n\d{8}")
"""The number of a class, of WordNet: ``n01440764``."""
BY_NAME = ("val_labels.txt", "val_annotations.txt", "LOC_val_solution.csv")
"""Files with lines ``name wnid``: our own, tiny-imagenet's, Kaggle's. The first that is there counts."""
IN_ORDER = "imagenet_2012_validation_synset_labels.txt"
"""One wnid a line, in the order of the photos' numbers."""
NUMBERS = "ILSVRC2012_validation_ground_truth.txt"
"""The devkit's: one number of a class a line, whose wnid only its ``meta.mat`` tells."""
_HEADING = "ImageId"


class Row(NamedTuple):
    """A line of such a file.

    Args:
        number: of the line, from 1.
        text: the line.
        name: the photo's, as it stands there; empty where the line has one word.
        wnid: the word that should be one.
    """

    number: int
    text: str
    name: str
    wnid: str


def split_rows(lines: Iterable[str]) -> Iterator[Row]:
    """The rows of a file, whose words are parted by spaces, tabs or commas; the heading is passed over.

    Example:
        >>> from maskgen.io.wnids import split_rows
        >>> lines = ["ImageId,PredictionString", "ILSVRC2012_val_00000001,n01751748 1 2 3 4", "", "n01751748"]
        >>> [(row.number, row.name, row.wnid) for row in split_rows(lines)]
        [(2, 'ILSVRC2012_val_00000001', 'n01751748'), (4, '', 'n01751748')]
    """
    for number, text in enumerate(lines, 1):
        words = text.replace(",", " ").split()
        if words and words[0] != _HEADING:
            yield Row(number, text, *(words[:2] if len(words) > 1 else ("", words[0])))
