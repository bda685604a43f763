"""The classes of test images, numbered as those of the training images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from maskgen.errors import UsageError

from .images import Images

_SHOWN = 5


def renumber_classes(train: Images, test: Images, where: str) -> Images:
    """The test images with the training images' class numbers.

    Classes are matched by name where both have names, else by number. Where only one of the two has names,
    its numbers are places among its own classes: they mean the same only if both have the same ones.

    Args:
        train: images whose numbers count.
        test: images to be numbered alike; they may lack classes.
        where: the test images' place, for errors.

    Raises:
        UsageError: the test images have a class that the training images lack, or classes cannot be matched.
    """
    if train.names and test.names:
        numbers = {name: number for number, name in train.names.items()}
        _refuse(sorted(set(test.names.values()) - numbers.keys()), where)
        labels = np.array([numbers[test.names[label]] for label in test.labels.tolist()], np.int64)
        return replace(test, labels=labels, names=train.names)
    have, asked = (set(images.labels.tolist()) for images in (train, test))
    if (train.names or test.names) and have != asked:
        raise UsageError(
            f"cannot match the classes of the test images ({len(asked)}) with those of the training images "
            f"({len(have)})",
            where=where,
            cause="only one of them says its classes' names, the other numbers",
            remedy="give folders of classes for both, or shards made from such (--labels folder)",
        )
    _refuse([str(number) for number in sorted(asked - have)], where)
    return test


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
