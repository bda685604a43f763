"""Whether masks in reduced precision are those of float32, seen on a few built-in photos."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..release import PHOTOS
from .registry import METHODS
from .resolve import load_network, network_input, resolve_network

if TYPE_CHECKING:
    from ..types import RGB, HardMask
    from .spec import MethodOptions

LEAST_IOU = 0.99
"""U²-Net-p on ECSSD: float16 and TF32 give .997, bfloat16 .965, int8 .57."""


@dataclass(frozen=True, slots=True)
class PrecisionReport:
    """How the masks of a precision differ from those of float32.

    Args:
        iou_mean: intersection over union of the thresholded masks, mean over the images.
        iou_min: the least of them.
        images: how many were compared.

    Example:
        >>> from maskgen.methods.precision_check import PrecisionReport
        >>> PrecisionReport(iou_mean=0.997, iou_min=0.98, images=12).ok
        True
    """

    iou_mean: float
    iou_min: float
    images: int

    @property
    def ok(self) -> bool:
        """Whether the mean is at least `LEAST_IOU`."""
        return self.iou_mean >= LEAST_IOU


def check_precision(name: str, options: MethodOptions) -> PrecisionReport:
    """Compare the masks of the options' precision with float32's, in the same runtime on the same device.

    On the sixteen photos that come with maskgen. With U²-Net-p (torch) bfloat16 comes out at .969
    and is refused; bfloat16 with float32 where it matters (``mixed``) at .996. On 111 photos of ECSSD they
    have .960 and .997.

    Args:
        name: a learned method of METHODS.
        options: resolved or not; with float32 there is nothing to compare, and the report holds no images.

    Raises:
        UsageError: options that contradict each other; weights that are not the method's.
        EnvironmentFault: a package or device that is not here.
        ImageFault: a map that is not finite.
    """
    import numpy as np

    options = resolve_network(name, options)
    if options.precision == "fp32":
        return PrecisionReport(1.0, 1.0, 0)
    photos, threshold = network_input(name, options), METHODS[name].threshold
    wanted = load_network(name, dataclasses.replace(options, precision="fp32"))
    given = load_network(name, options)
    scores = []
    for image in sample_photos():
        batch = photos.prepare(image)[None]
        scores.append(overlap(wanted(batch)[0] >= threshold, given(batch)[0] >= threshold))
    return PrecisionReport(float(np.mean(scores)), min(scores), len(scores))


def overlap(a: HardMask, b: HardMask) -> float:
    """Intersection over union of two (H, W) bool masks, in [0, 1]; 1 when both are empty.

    Example:
        >>> from maskgen.methods.precision_check import overlap
        >>> import numpy as np
        >>> overlap(np.array([True, True, False]), np.array([False, True, False]))
        0.5
    """
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 1.0


def sample_photos() -> Iterator[RGB]:
    """The photos of the check, (H, W, 3) uint8 RGB.

    Example:
        >>> from maskgen.methods.precision_check import sample_photos
        >>> next(sample_photos()).ndim
        3
    """
    import numpy as np
    from PIL import Image

    for file in sorted(PHOTOS.glob("*/*.jpg")):
        yield np.array(Image.open(file).convert("RGB"))
