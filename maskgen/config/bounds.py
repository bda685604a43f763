"""What numbers may be: bounds of an option, and how they are said."""

from __future__ import annotations

from dataclasses import dataclass

LARGEST = 10.0**12
"""No option of ours takes a number above this one: a larger one is a slip, or infinite."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a number may be.

    Args:
        low: the least value.
        high: the greatest value.
        above: whether `low` itself is refused.
    """

    low: float = 0
    high: float = LARGEST
    above: bool = False

    def hold(self, value: float) -> bool:
        """Whether the value lies inside; NaN lies nowhere.

        Example:
            >>> between(0, 1).hold(1), above(0).hold(0), at_least(1).hold(float("nan"))
            (True, False, False)
        """
        return self.low <= value <= self.high and not (self.above and value == self.low)

    def in_words(self, value: float) -> str:
        """What a value outside should have been."""
        if self.high == LARGEST and value <= self.low:
            return f"above {self.low:g}" if self.above else f"at least {self.low:g}"
        words = ("above", "and up ") if self.above else ("from", "")
        return f"{words[0]} {self.low:g} {words[1]}to {self.high:g}"


def at_least(low: float) -> Bounds:
    """Bounds from `low` on."""
    return Bounds(low)


def between(low: float, high: float) -> Bounds:
    """Bounds from `low` to `high`, both allowed."""
    return Bounds(low, high)


def above(low: float, high: float = LARGEST) -> Bounds:
    """Bounds that leave out `low` itself."""
    return Bounds(low, high, above=True)


ANY = Bounds()
"""Any number from 0 to LARGEST."""
