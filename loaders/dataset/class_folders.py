"""The names of classes as those of folders."""

from __future__ import annotations

import re
from collections.abc import Mapping

from maskgen.shards.naming import safe_key

_PLAIN = re.compile(r"[^\x00-\x1f\\/.][^\x00-\x1f\\/]*")


def class_folders(labels: list[int], names: Mapping[int, str]) -> dict[int, str]:
    """A folder's name for each class, in whose order they sort.

    The classes' names where these sort as the labels, so that readers that match classes by name find them;
    else their numbers, with the names behind them.

    Args:
        labels: from the least.
        names: of the classes that have one.

    Example:
        >>> from maskgen.loaders.dataset.class_folders import class_folders
        >>> class_folders([2, 10], {2: "n01440764", 10: "n02086240"})
        {2: 'n01440764', 10: 'n02086240'}
        >>> class_folders([2, 10], {2: "night heron", 10: "bittern"})
        {2: '02_night_heron', 10: '10_bittern'}
    """
    plain = [names.get(label, "") for label in labels]
    if all(map(_PLAIN.fullmatch, plain)) and plain == sorted(set(plain)):
        return dict(zip(labels, plain, strict=True))
    digits = max(2, len(str(max(labels))))
    return {
        label: f"{label:0{digits}d}" + (f"_{safe_key(names[label])}" if label in names else "")
        for label in labels
    }
