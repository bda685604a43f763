"""Where the mask of a photo is written: the photo's own path, ending in .png."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ..sources.listing import split_name

ENDING = ".png"


def name_masks(photos: Sequence[str]) -> list[str]:
    """A path for the mask of each photo, all different.

    It is the photo's own with ``.png`` in place of its ending. Where two photos would get the same, as
    ``a.jpg`` and ``a.png`` in one folder do, each keeps its ending before the new one.

    Args:
        photos: relative paths, all different.

    Example:
        >>> from maskgen.pipelines.masks.names import name_masks
        >>> name_masks(["cats/a.jpg", "cats/b.jpg", "cats/b.webp"])
        ['cats/a.png', 'cats/b.jpg.png', 'cats/b.webp.png']
    """
    names = [split_name(photo)[0] + ENDING for photo in photos]
    while True:
        taken = Counter(names)
        long = [photo + ENDING for photo in photos]
        clash = [at for at, name in enumerate(names) if taken[name] > 1 and name != long[at]]
        if not clash:
            return names
        for at in clash:
            names[at] = long[at]
