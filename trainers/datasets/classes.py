"""The classes of test images, numbered as those of the training images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from pathlib import Path

import numpy as np

from maskgen.errors import UsageError

from .images import Images

_SHOWN = 5


def renumber_classes(train: Images, test: Images, where: str) -> Images:
    """The test images with the training images' class numbers.

    Args:
        train: images whose numbers count.
        test: images to be numbered alike; they may lack classes.
        where: the test images' place, for errors.

    Raises:
        UsageError: as `number_classes`.
    """
    return number_classes(test, train.names, set(train.labels.tolist()), where)


def number_classes(test: Images, names: Mapping[int, str], have: AbstractSet[int], where: str) -> Images:
    """Images with the class numbers of others, or of a head.

    Classes are matched by name where both have names, else by number. Where only one of the two has names,
    its numbers are places among its own classes: they mean the same only if both have the same ones.

    Args:
        test: the images; they may lack classes.
        names: of the classes by number; empty where only numbers are known.
        have: the numbers that there are.
        where: the test images' place, for errors.

    Raises:
        UsageError: the test images have a class that the others lack, or classes cannot be matched.
    """
    if names and test.names:
        numbers = {name: number for number, name in names.items()}
        _refuse(sorted(set(test.names.values()) - numbers.keys()), where)
        labels = np.array([numbers[test.names[label]] for label in test.labels.tolist()], np.int64)
        return replace(test, labels=labels, names=names)
    asked = set(test.labels.tolist())
    if (names or test.names) and have != asked:
        raise UsageError(
            f"cannot match the classes of the test images ({len(asked)}) with those of the training images "
            f"({len(have)})",
            where=where,
            cause="only one of them says its classes' names, the other numbers",
            remedy="give folders of classes for both, or shards made from such (--labels folder), or the "
            "names of a head's classes with --classes",
        )
    _refuse([str(number) for number in sorted(asked - have)], where)
    return test


def require_classes(images: Images, where: str) -> Images:
    """The images, if there is something to tell apart: of one class every answer is right.

    Args:
        images: to learn from, or to vote.
        where: their place, for errors.

    Raises:
        UsageError: all are of one class.
    """
    if len(set(images.labels.tolist())) > 1:
        return images
    name = next(iter(images.names.values()), "")
    raise UsageError(
        "all images are of one class" + (f", {name}" if name else ""),
        where=where,
        cause="the classes are the folders in it, and only one holds pictures"
        if name
        else "their labels are all the same",
        remedy="give a folder that holds one folder of pictures for each class"
        + (f": if those of {name} are classes, {Path(where) / name}" if name else ", or shards made of such"),
    )


def read_names(path: Path) -> dict[int, str]:
    """The names of a head's classes by number: the first word of each line, as in ImageNet's lists of wnids.

    Args:
        path: a text file, such as ``LOC_synset_mapping.txt``: ``n01440764 tench, Tinca tinca``.

    Raises:
        UsageError: it cannot be read, is empty, or names a class twice.
    """
    try:
        words = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise UsageError(
            "cannot read the names of the classes",
            where=str(path),
            cause=str(error),
            remedy="give a text file with one class a line, in the head's order",
        ) from error
    names = [line[0] for line in words if line]
    if not names or len(set(names)) < len(names):
        raise UsageError(
            "the file names no classes, or one twice",
            where=str(path),
            remedy="give one class a line, in the head's order",
        )
    return dict(enumerate(names))


def _refuse(foreign: Sequence[str], where: str) -> None:
    if not foreign:
        return
    named = ", ".join(foreign[:_SHOWN])
    more = f" and {len(foreign) - _SHOWN} more" if len(foreign) > _SHOWN else ""
    raise UsageError(
        f"the test images have classes that the training images lack, {named}{more}",
        where=where,
        remedy="leave them out, or give training images of them; classes are matched by name",
    )
