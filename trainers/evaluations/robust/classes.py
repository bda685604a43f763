"""Which output of a head is which class: ImageNet's thousand by wnid, and other sets' coarser classes."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import UsageError
from maskgen.release import IMAGENET
from maskgen.trainers.datasets.classes import read_names
from maskgen.trainers.heads.head import Head

IN9 = ("dog", "bird", "vehicle", "reptile", "carnivore", "insect", "instrument", "primate", "fish")
"""ImageNet-9's classes in the order of its folders, 00 to 08."""
SHAPES = (
    *("airplane", "bear", "bicycle", "bird", "boat", "bottle", "car", "cat"),
    *("chair", "clock", "dog", "elephant", "keyboard", "knife", "oven", "truck"),
)
"""The sixteen classes of the cue conflicts."""
_SHOWN = 3
Places = NDArray[np.int64]


@cache
def _table() -> Mapping[str, tuple[str, ...]]:
    """The columns of `maskgen/release/imagenet.tsv`, a thousand entries each."""
    with IMAGENET.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {name: tuple(row[name] for row in rows) for name in rows[0]}


def imagenet_wnids() -> tuple[str, ...]:
    """The wnids of ImageNet's thousand classes in their order.

    Example:
        >>> from maskgen.trainers.evaluations.robust.classes import imagenet_wnids
        >>> imagenet_wnids()[0], len(imagenet_wnids())
        ('n01440764', 1000)
    """
    return _table()["wnid"]


def coarse_classes(column: str, names: Sequence[str]) -> Places:
    """The coarser class of each of the thousand, (1000,) int64, -1 where there is none.

    Args:
        column: ``in9`` or ``shape``.
        names: `IN9` or `SHAPES`.

    Example:
        >>> from maskgen.trainers.evaluations.robust.classes import IN9, coarse_classes
        >>> (coarse_classes("in9", IN9) == IN9.index("dog")).sum()
        116
    """
    numbers = {name: number for number, name in enumerate(names)}
    return np.array([numbers.get(name, -1) for name in _table()[column]], np.int64)


@dataclass(frozen=True, eq=False)
class HeadClasses:
    """The classes of a head's C outputs.

    Args:
        names: of the outputs by number; empty: they have none.
        count: C.
    """

    names: Mapping[int, str]
    count: int

    @classmethod
    def of(cls, head: Head, file: Path | None = None) -> HeadClasses:
        """Those that a file names, else those that the head names, else ImageNet's if there are a thousand.

        Args:
            head: the classifier.
            file: one class a line by its first word, in the head's order.

        Raises:
            UsageError: the file cannot be read, or names more classes than the head has.
        """
        count = head.layer.out_features
        names = read_names(file) if file is not None else dict(head.names)
        if not names and count == len(imagenet_wnids()):
            names = dict(enumerate(imagenet_wnids()))
        if names and max(names) >= count:
            raise UsageError(
                f"{file} names {len(names)} classes, the head has {count}",
                remedy="give the names of its own",
            )
        return cls(names, count)

    def outputs(self, names: Sequence[str], where: str) -> Places:
        """The output of each of some classes, (n,) int64.

        Args:
            names: of the classes.
            where: the set that asks, for errors.

        Raises:
            UsageError: the head has not all of them.
        """
        known = {name: number for number, name in self.names.items()}
        lacking = [name for name in names if name not in known]
        if lacking:
            shown = ", ".join(lacking[:_SHOWN])
            more = f" and {len(lacking) - _SHOWN} more" if len(lacking) > _SHOWN else ""
            raise UsageError(
                f"the head lacks {len(lacking)} of the set's {len(names)} classes, {shown}{more}",
                where=where,
                cause="" if known else "its classes have no names; classifier.safetensors of a run has them",
                remedy="give the names of the head's classes with --classes, or a head of these classes",
            )
        return np.array([known[name] for name in names], np.int64)

    def numbers(self, of: Sequence[str]) -> Places:
        """For each output the place of its class among some others, (C,) int64; -1: it is none of them."""
        known = {name: number for number, name in enumerate(of)}
        return np.array([known.get(self.names.get(n, ""), -1) for n in range(self.count)], np.int64)
