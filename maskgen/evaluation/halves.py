"""Which photos of the benchmark sets choose settings, and which judge them.

A constant, a threshold, a number of epochs or a way of training is chosen on the photos of `CHOOSING` only.
Every figure that says how good something is comes from the others, so that it holds for photos that had no
part in making it. `benchmarks/masks.py` reports the two halves apart.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Literal, TypeAlias

from ..errors import UsageError

Half: TypeAlias = Literal["choose", "judge"]

CHOOSING: Mapping[str, Container[int]] = {
    "ecssd": range(0, 1001, 2),
    "pascal_s": frozenset((*range(1, 21), *range(41, 101))),
}
"""By collection, the numbers of the photos that choose; all other photos judge.

ECSSD (Yan et al., CVPR 2013) numbers its photos 1 to 1000, PASCAL-S (Li et al., CVPR 2014) 1 to 850. The 40
photos that the release of RBD comes with are PASCAL-S 1 to 40. Collections that are not named judge only.
"""


def half_of(collection: str, number: int) -> Half:
    """Whether a photo chooses settings or judges them.

    Args:
        collection: a name of `CHOOSING`.
        number: of the photo there, from 1 on.

    Raises:
        UsageError: a collection of which `CHOOSING` says nothing, or a number that no photo has.

    Example:
        >>> from maskgen.evaluation.halves import half_of
        >>> half_of("ecssd", 128), half_of("ecssd", 129), half_of("pascal_s", 20), half_of("pascal_s", 21)
        ('choose', 'judge', 'choose', 'judge')
    """
    if collection not in CHOOSING:
        raise UsageError(
            f"no halves are known of {collection!r}",
            remedy=f"known: {', '.join(CHOOSING)}; photos of all other collections judge",
        )
    if number < 1:
        raise UsageError(
            f"photos of {collection} are numbered from 1, not {number}",
            remedy="give the number in the photo's name",
        )
    return "choose" if number in CHOOSING[collection] else "judge"
