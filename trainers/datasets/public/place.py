"""Where labeled images lie: a folder, or KIND:PATH[@SPLIT], a split of a public set."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from .folder import Pictures
from .table import KINDS, PublicSet

FOLDER = "folder"
"""The kind that stands for any folder of pictures."""
_PREFIX = re.compile(r"([A-Za-z][A-Za-z0-9_-]*):(?!//)(.+)", re.DOTALL)
_SPLIT = re.compile(r"([a-z+]*)(\d*)")


@dataclass(frozen=True)
class Place:
    """A split of a public set.

    Args:
        kind: a key of `KINDS`.
        path: of its folder.
        split: a split; empty: which one is left open.
        partition: which of its partitions, from 1.
    """

    kind: str
    path: Path
    split: str = ""
    partition: int = 1

    def __str__(self) -> str:
        number = str(self.partition) if self.partition > 1 else ""
        return f"{self.kind}:{self.path}" + (f"@{self.split}{number}" if self.split or number else "")

    @property
    def facts(self) -> PublicSet:
        """What is known of the set."""
        return KINDS[self.kind]

    @property
    def name(self) -> str:
        """Short, for the names of files: ``dtd-test2``."""
        return f"{self.kind}-{self.split or self.facts.test}" + (
            str(self.partition) if self.partition > 1 else ""
        )

    def of(self, split: str) -> Place | None:
        """Another split of the same partition; None where `split` is empty."""
        return replace(self, split=split) if split else None

    def open(self) -> Pictures:
        """The pictures; where the split is open, those to learn from, or those there are.

        Raises:
            SourceFault: the folder is no such set, or some of it is missing.
        """
        return self.facts.open(self.path, self.split or self.facts.train or self.facts.test, self.partition)


def parse_place(given: str | Path) -> Place | Path:
    """What is meant: a folder, or a split of a public set.

    A word before a colon is a kind, unless a file or folder has the whole name; what follows the last ``@``
    is a split, a partition's number, or both (``@train2``), unless a folder has that name.

    Args:
        given: ``PATH``, ``folder:PATH`` or ``KIND:PATH[@SPLIT]``.

    Raises:
        UsageError: no such kind, or the set has no such split.

    Example:
        >>> from maskgen.trainers.datasets.public.place import parse_place
        >>> place = parse_place("dtd:/data/dtd@train2")
        >>> place.kind, place.split, place.partition
        ('dtd', 'train', 2)
        >>> parse_place("photos/train")
        PosixPath('photos/train')
    """
    place = parse_kind(given) if isinstance(given, str) else None
    return Path(given) if place is None else place


def parse_kind(given: str) -> Place | Path | None:
    """What is meant by ``folder:PATH`` or ``KIND:PATH[@SPLIT]``; None: the text names no kind, it is a path.

    Args:
        given: see `parse_place`.

    Raises:
        UsageError: as `parse_place`.
    """
    match = _PREFIX.fullmatch(given)
    if match is None or Path(given).exists():
        return None
    kind, rest = match[1], match[2]
    if kind == FOLDER:
        return Path(rest)
    if kind not in KINDS:
        raise UsageError(
            f"no such kind of set, {kind!r}", where=given, remedy=nearest(kind, [*KINDS, FOLDER])
        )
    path, sign, split = rest.rpartition("@")
    if not sign or Path(rest).exists():
        return Place(kind, Path(rest))
    return _with_split(Place(kind, Path(path)), split)


def _with_split(place: Place, text: str) -> Place:
    match, known = _SPLIT.fullmatch(text), place.facts
    number = int(match[2] or 1) if match else 0
    if match is None or not text or (match[1] and match[1] not in known.splits):
        raise UsageError(
            f"{known.title} has no split {text!r}",
            where=f"{place.kind}:{place.path}",
            remedy=f"one of @{', @'.join(known.splits)}"
            + (
                f", or @{known.splits[0]}2 for another of its {known.partitions} partitions"
                if known.partitions > 1
                else ""
            ),
        )
    if not 1 <= number <= known.partitions:
        raise UsageError(
            f"{known.title} has no partition {number}",
            where=f"{place.kind}:{place.path}",
            remedy=f"a number from 1 to {known.partitions}"
            if known.partitions > 1
            else "leave the number out",
        )
    return replace(place, split=match[1], partition=number)


def training_places(data: str | Path, test: str | Path | None) -> tuple[Place | Path, Place | Path | None]:
    """Where the training images lie, and the test images; None: they have no place of their own.

    Of a folder that holds ``train`` and ``val``, these; of a public set its own splits, unless others are
    named. Test images that are named take the place of ``val``, never of ``train``.

    Args:
        data: as `parse_place` takes it.
        test: likewise, or None.

    Raises:
        UsageError: as `parse_place`.
    """
    first = parse_place(data)
    second = None if test is None else _closed(parse_place(test), "test")
    if isinstance(first, Place):
        learn = _closed(first, "train")
        own = first.of(first.facts.test)
        return learn, own if second is None and own != learn else second
    train, val = first / "train", first / "val"
    if not (train.is_dir() and val.is_dir()):
        return first, second
    return train, val if second is None else second


def validation_place(data: str | Path, given: str | Path | None) -> Place | Path | None:
    """Where the images lie that settings are chosen on; None: some of the training images choose.

    Args:
        data: of the training images: a public set's own validation split chooses where its training split
            learns.
        given: as `parse_place` takes it, or None.

    Raises:
        UsageError: as `parse_place`.
    """
    if given is not None:
        return _closed(parse_place(given), "validation")
    learned = parse_place(data)
    if not isinstance(learned, Place) or learned.split not in ("", learned.facts.train):
        return None
    return learned.of(learned.facts.validation)


def paper_metric(place: Place | Path) -> str:
    """The figure that the papers report of a set; ``top1`` of folders and shards."""
    return place.facts.metric if isinstance(place, Place) else "top1"


def _closed(place: Place | Path, role: str) -> Place | Path:
    """With the split that a role takes where none was named."""
    if not isinstance(place, Place) or place.split:
        return place
    facts = place.facts
    own = {"train": facts.train, "validation": facts.validation, "test": facts.test}[role]
    return replace(place, split=own or facts.train or facts.test)
