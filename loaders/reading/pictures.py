"""What is looked at in a picture that was read, before a decoder sees it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ImageFault
from maskgen.io.images.header import jpeg_size, png_size
from maskgen.shards import naming

PICTURES = (naming.PHOTO, naming.BACKGROUND)
"""Members whose size the small ones give, as the loaders ask for them."""
_SIGNATURES = {
    naming.PHOTO: b"\xff\xd8",
    naming.LOSSLESS_PHOTO: b"\x89P",
    naming.BACKGROUND: b"\xff\xd8",
    naming.MASK: b"\x89P",
}


def picture_damage(
    ext: str, content: NDArray[np.uint8], size: tuple[int, int] | None
) -> tuple[str, str] | None:
    """What is wrong with a member, and its cause; None for a sound one and for one that is no picture.

    No decoder sees a picture of another size than the bounds were checked for.

    Args:
        ext: of the member as it is stored.
        content: (n,) uint8.
        size: height and width that its sample states, px; None where that is not asked.

    Example:
        >>> import numpy as np
        >>> from maskgen.loaders.reading.pictures import picture_damage
        >>> picture_damage("jpg", np.zeros(9, np.uint8), None)
        ('a member is no picture of its kind', 'damage')
    """
    if ext in _SIGNATURES and content[:2].tobytes() != _SIGNATURES[ext]:
        return "a member is no picture of its kind", "damage"
    if size is None:
        return None
    try:
        found = png_size(content.data) if ext == naming.LOSSLESS_PHOTO else jpeg_size(content.data)
    except ImageFault as error:
        return "a picture's header is damaged", str(error)
    if found == size:
        return None
    cause = f"it has {found[1]}x{found[0]} px, its meta is for {size[1]}x{size[0]}"
    return "a picture has another size than its meta gives", cause
