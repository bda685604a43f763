"""AutoAugment's ImageNet policy with its random choices handed in, so that all backends agree."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Callable

    from PIL.Image import Image

# (operation, probability, magnitude 0..9) twice: Cubuk et al. (CVPR 2019), table 9.
POLICIES: tuple[tuple[tuple[str, float, int], tuple[str, float, int]], ...] = (
    (("posterize", 0.4, 8), ("rotate", 0.6, 9)),
    (("solarize", 0.6, 5), ("autocontrast", 0.6, 0)),
    (("equalize", 0.8, 0), ("equalize", 0.6, 0)),
    (("posterize", 0.6, 7), ("posterize", 0.6, 6)),
    (("equalize", 0.4, 0), ("solarize", 0.2, 4)),
    (("equalize", 0.4, 0), ("rotate", 0.8, 8)),
    (("solarize", 0.6, 3), ("equalize", 0.6, 0)),
    (("posterize", 0.8, 5), ("equalize", 1.0, 0)),
    (("rotate", 0.2, 3), ("solarize", 0.6, 8)),
    (("equalize", 0.6, 0), ("posterize", 0.4, 6)),
    (("rotate", 0.8, 8), ("color", 0.4, 0)),
    (("rotate", 0.4, 9), ("equalize", 0.6, 0)),
    (("equalize", 0.0, 0), ("equalize", 0.8, 0)),
    (("invert", 0.6, 0), ("equalize", 1.0, 0)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("rotate", 0.8, 8), ("color", 1.0, 2)),
    (("color", 0.8, 8), ("solarize", 0.8, 7)),
    (("sharpness", 0.4, 7), ("invert", 0.6, 0)),
    (("shear_x", 0.6, 5), ("equalize", 1.0, 0)),
    (("color", 0.4, 0), ("equalize", 0.6, 0)),
    (("equalize", 0.4, 0), ("solarize", 0.2, 4)),
    (("solarize", 0.6, 5), ("autocontrast", 0.6, 0)),
    (("invert", 0.6, 0), ("equalize", 1.0, 0)),
    (("color", 0.6, 4), ("contrast", 1.0, 8)),
    (("equalize", 0.8, 0), ("equalize", 0.6, 0)),
)


def auto_augment(image: NDArray[np.uint8], policy: int, u: NDArray[np.float32]) -> NDArray[np.uint8]:
    """One AutoAugment sub-policy, as torchvision's AutoAugment applies it to a PIL image.

    Args:
        image: (H, W, 3) uint8 RGB.
        policy: 0..24, row of POLICIES; below 0 the image comes back as it is.
        u: (4,) in [0, 1): two numbers that decide whether each operation happens, two that decide its sign.

    Returns:
        (H, W, 3) uint8.
    """
    if policy < 0:
        return image
    from PIL import Image

    picture = Image.fromarray(image)
    for place, (name, probability, magnitude) in enumerate(POLICIES[policy]):
        if u[place] <= probability:
            sign = 1 if u[2 + place] >= 0.5 else -1
            picture = _operations()[name](picture, magnitude, sign)
    return np.asarray(picture, np.uint8)


@cache
def _operations() -> dict[str, Callable[[Image, int, int], Image]]:
    """By name: a picture, a magnitude 0..9 and a sign to a picture."""
    import torch
    from torchvision.transforms import functional

    f: Any = functional
    # torchvision's float32 steps: in double precision some results would differ by one.
    change, angle, shear, level = (
        torch.linspace(*ends, 10).tolist() for ends in ((0.0, 0.9), (0.0, 30.0), (0.0, 0.3), (255.0, 0.0))
    )

    def shear_x(picture: Image, magnitude: int, sign: int) -> Image:
        slope = float(np.degrees(np.arctan(sign * shear[magnitude])))
        slanted: Image = f.affine(
            picture, angle=0.0, translate=[0, 0], scale=1.0, shear=[slope, 0.0], center=[0, 0]
        )
        return slanted

    return {
        "shear_x": shear_x,
        "rotate": lambda p, m, sign: f.rotate(p, sign * angle[m]),
        "color": lambda p, m, sign: f.adjust_saturation(p, 1 + sign * change[m]),
        "contrast": lambda p, m, sign: f.adjust_contrast(p, 1 + sign * change[m]),
        "sharpness": lambda p, m, sign: f.adjust_sharpness(p, 1 + sign * change[m]),
        "posterize": lambda p, m, _: f.posterize(p, 8 - round(4 * m / 9)),
        "solarize": lambda p, m, _: f.solarize(p, level[m]),
        "autocontrast": lambda p, *_: f.autocontrast(p),
        "equalize": lambda p, *_: f.equalize(p),
        "invert": lambda p, *_: f.invert(p),
    }
