"""What looks at masked images share while training: damaged ones left out, means over all ranks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from torch import Tensor

from ..datasets.damaged import read_or_blank
from ..datasets.masked import MaskedImages
from ..distributed.ranks import all_sum
from ..settings import Settings


def without_damaged(images: MaskedImages, side: int, settings: Settings) -> MaskedImages:
    """The same images; with ``on_error="skip"`` a damaged one is a blank without foreground.

    Args:
        images: that are looked at.
        side: of the blank, px.
        settings: of the run.
    """
    if settings.on_error == "raise":
        return images
    blank = np.zeros((side, side, 3), np.uint8), np.zeros((side, side), np.bool_)
    return replace(images, read=read_or_blank(images.read, blank)[0])


def means_by_name(names: Sequence[str], scores: Tensor) -> dict[str, float]:
    """The mean of each score over the images of all ranks that have it; none of a score that no image has.

    Args:
        names: of the N scores.
        scores: (B, N) of this rank's images, float64 on the CPU; no number where there is none.
    """
    total, count = all_sum(scores.nansum(0)), all_sum((~scores.isnan()).sum(0))
    found = zip(names, total.tolist(), count.tolist(), strict=True)
    return {name: value / number for name, value, number in found if number}
