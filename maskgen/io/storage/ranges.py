"""The objects below a prefix in ranges of their keys, which can be listed side by side.

A store tells keys in their order, a thousand at a time, from any key on. So ranges need no folders: a flat
prefix of a million objects is divided as well as a tree. Where to divide is found by asking what comes behind
a text in the middle of a range; however that turns out, the ranges together hold every object once.
"""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, replace
from typing import NamedTuple

from maskgen.processes.threads import map_threads

from .bucket import PAGE, Entry
from .location import ObjectLocation
from .reading import AT_A_TIME

ALONE = 8 * PAGE
"""Objects that are one range: they are listed in about the time that it takes to divide them, and once."""
_ROUNDS = 40
_LETTERS = 16
_LOW, _HIGH = ord("0"), ord("~")
"""Characters of texts in the middle; none sorts before the slash with which the marks of folders end."""
_BASE = _HIGH - _LOW + 1
_MOST_CHARACTERS = 1000
_DIVIDED = ("s3://", "gs://")
"""Stores that begin a listing at any key; another would tell all that comes before, too."""


class Range(NamedTuple):
    """Keys behind `after`, up to and with `until`; these need not be keys of objects; empty: no bound.

    Args:
        after: it.
        until: it.
        listed: all objects of the range and the next one, in order, where dividing has listed them; None:
            nobody has.
    """

    after: str
    until: str
    listed: tuple[Entry, ...] | None = None


ALL_KEYS = Range("", "")


@dataclass(frozen=True)
class _Open:
    """A range that may be divided.

    Args:
        range: it.
        low: its first key, or one of the first.
        high: a text behind which it has no key.
        small: whether it has less than a page, or is listed already.
    """

    range: Range
    low: str
    high: str
    small: bool = False


def key_ranges(root: ObjectLocation, wanted: int) -> list[Range]:
    """The objects below a prefix in ranges, in their order; together they hold all.

    Args:
        root: the prefix.
        wanted: how many ranges, unless there are too few objects for so many.

    Raises:
        FileNotFoundError: no such bucket.
        EnvironmentFault: the store cannot be reached or refuses.
    """
    if not str(root).startswith(_DIVIDED):
        return [ALL_KEYS]
    first = tuple(itertools.islice(root.bucket.walk(root.key), ALONE + 1))
    if len(first) <= ALONE:
        return [ALL_KEYS._replace(listed=first)]
    last = first[-2].key  # the one behind tells whether it is the mark of a folder
    ranges = [
        _Open(Range("", last, first), first[0].key, last, small=True),
        _Open(Range(last, ""), last, _end(root, last)),
    ]
    for _ in range(_ROUNDS):
        middles = [_middle(one) for one in ranges]
        if len(ranges) >= wanted or not any(middles):
            break
        asked = [text for text in middles if text]
        pages = dict(zip(asked, map_threads(lambda text: _page(root, text), asked, AT_A_TIME), strict=True))
        ranges = [
            part
            for one, text in zip(ranges, middles, strict=True)
            for part in (_divide(one, text, pages[text]) if text else [one])
        ]
    return [one.range for one in ranges]


def _page(root: ObjectLocation, after: str) -> list[str]:
    return [entry.key for entry in itertools.islice(root.bucket.walk(root.key, after), PAGE)]


def _end(root: ObjectLocation, key: str) -> str:
    """A text behind which no key lies: the longest beginning that all keys from this one on share."""
    start = len(root.key) + 1 if root.key else 0
    texts = [key[:length] + chr(_HIGH) * _LETTERS for length in range(start, len(key))]
    pages = map_threads(lambda text: _page(root, text), texts, AT_A_TIME)
    ends = [text for text, page in zip(texts, pages, strict=True) if not page]
    return ends[-1] if ends else key[:start] + chr(_HIGH) * _LETTERS


def _middle(one: _Open) -> str:
    """A text between the first and the last key; empty of a range that is not to be divided."""
    shared = os.path.commonprefix([one.low, one.high])  # noqa: RUF071 - of letters, which is what is wanted
    if one.small or len(shared) > _MOST_CHARACTERS:
        return ""
    low, high = (_number(text[len(shared) :]) for text in (one.low, one.high))
    text = shared + _text((low + high) // 2)
    return text if one.low.encode() < text.encode() < one.high.encode() else ""


def _number(text: str) -> int:
    """The first letters as a number; one that texts in the middle do not have counts as the nearest."""
    number = 0
    for letter in text[:_LETTERS].ljust(_LETTERS, chr(_LOW)):
        number = number * _BASE + min(max(ord(letter), _LOW), _HIGH) - _LOW
    return number


def _text(number: int) -> str:
    letters = []
    for _ in range(_LETTERS):
        number, letter = divmod(number, _BASE)
        letters.append(chr(_LOW + letter))
    return "".join(reversed(letters))


def _divide(one: _Open, middle: str, page: list[str]) -> list[_Open]:
    """Two ranges, or the same one, of which the end is better known.

    Args:
        one: the range.
        middle: a text in it.
        page: the keys behind that.
    """
    until = one.range.until.encode()
    if not page or (until and page[0].encode() > until):
        return [replace(one, high=middle)]
    small = len(page) < PAGE or bool(until and page[-1].encode() > until)
    return [
        replace(one, range=Range(one.range.after, middle), high=middle),
        _Open(Range(middle, one.range.until), page[0], one.high, small),
    ]
