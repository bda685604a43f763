"""Reading on past damaged images, for looks while training that such an image must not end."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from maskgen.errors import ImageFault, ShardFault

T = TypeVar("T")


def read_or_blank(read: Callable[[int], T], blank: T) -> tuple[Callable[[int], T], set[int]]:
    """The same reader, with a blank in the place of what is damaged, and the numbers that it found so.

    Args:
        read: an image by its number; called from several threads.
        blank: what a damaged image is taken for.

    Example:
        >>> from maskgen.errors import ShardFault
        >>> from maskgen.trainers.datasets.damaged import read_or_blank
        >>> def read(number):
        ...     if number == 1:
        ...         raise ShardFault("a picture does not decode", remedy="remove it")
        ...     return f"photo {number}"
        >>> tolerant, damaged = read_or_blank(read, "blank")
        >>> [tolerant(number) for number in range(3)], damaged
        (['photo 0', 'blank', 'photo 2'], {1})
    """
    damaged: set[int] = set()

    def tolerant(number: int) -> T:
        try:
            return read(number)
        except (ShardFault, ImageFault):
            damaged.add(number)
            return blank

    return tolerant, damaged
