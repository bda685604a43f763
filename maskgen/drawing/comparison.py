"""Where methods disagree most: the rows of a sheet, photo | truth | each method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..errors import UsageError
from ..evaluation.evaluate import Evaluation
from ..evaluation.pairs import Pair, Pairing
from ..evaluation.reading import Blob, read_map, read_photo, read_truth
from .contact_sheet import Row, fit, gray_picture


def pick_disputed(evaluation: Evaluation, pairing: Pairing, count: int) -> list[tuple[Pair, float]]:
    """The `count` pairs with the largest disagreement between their maps, largest first.

    Equal ones are in the order of their names.
    """
    by_name = {pair.name: pair for pair in pairing.pairs}
    order = sorted(evaluation.scores, key=lambda score: (-score.disagreement, score.name))
    return [(by_name[score.name], score.disagreement) for score in order[:count]]


def find_photo(pair: Pair, photos: Mapping[str, Blob]) -> Blob | None:
    """The photo from the folder of photos if there is one, else from the first data set that holds it.

    Raises:
        UsageError: a folder of photos was given, and this one is not in it.
    """
    if not photos:
        return next((entry.photo for entry in pair.entries if entry.photo), None)
    names = [pair.name, *(name for entry in pair.entries for name in entry.names)]
    found = next((photos[name] for name in names if name in photos), None)
    if found is None:
        raise UsageError(
            "no photo of this name in --photos",
            where=pair.name,
            remedy="add it to that folder, or leave --photos out",
        )
    return found


def make_row(pair: Pair, apart: float, photo: Blob | None) -> Row:
    """Photo (when there is one), truth and maps, at the size of a sheet.

    Args:
        pair: what to show.
        apart: its disagreement, written under the row.
        photo: the photo's bytes.

    Raises:
        UsageError: a picture cannot be read.
    """
    truth, _ = read_truth(pair.truth)
    size = (int(truth.shape[0]), int(truth.shape[1]))
    grids = [np.where(truth, np.uint8(255), np.uint8(0))]
    grids += [read_map(entry.mask, size, pair.truth) for entry in pair.entries]
    pictures = [fit(gray_picture(grid)) for grid in grids]
    if photo:
        pictures.insert(0, fit(read_photo(photo)))
    return Row(f"{pair.name}  {apart:.3f}", tuple(pictures))


def titles(methods: Sequence[str], *, photo: bool) -> tuple[str, ...]:
    """What stands above each picture of a row.

    Example:
        >>> from maskgen.drawing.comparison import titles
        >>> titles(["rbd", "vote"], photo=True)
        ('photo', 'truth', 'rbd', 'vote')
    """
    return (*(("photo",) if photo else ()), "truth", *methods)
