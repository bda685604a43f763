"""How far a mask is to be trusted: an estimate of its intersection over union with the true one, from itself.

It sees KEY.fg alone, the small soft mask that every sample of every method and layout has, so that
`maskgen verify --full` makes it again without the photo, the network or the voters. Three things are measured
there, ratios of whole numbers; their weighted sum, with weights for each kind of method that
``benchmarks/confidence.py`` fitted on photos of `evaluation.halves.CHOOSING`, is the estimate. Nothing but
sums, products, quotients and a square root is taken, so that every machine gets the same digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..config.run_config import CONFIDENCE_VERSION

DOUBTFUL = 0.5
"""The confidence below which more of a mask and its truth is expected to differ than to agree."""

_STEPS = 1000  # of the soft mask, once its threshold lies in the middle
_DIGITS = 3  # of an estimate; more would be noise


class Signs(NamedTuple):
    """What a mask tells of its own quality.

    Args:
        agreement: [0, 1], intersection over union of the soft mask and its foreground: 1 where no pixel is
            in doubt. The threshold lies at 0.5 here, whatever the method's.
        scatter: standard deviations of the foreground's rows and columns, multiplied, over its area: 1 / 12
            for a rectangle, 1 / (4 π) for an ellipse, more for what is thin, hollow or in pieces, 0.5 at
            most.
        sides: [0, 1], how many of the photo's four sides the foreground touches.
    """

    agreement: float
    scatter: float
    sides: float


class Line(NamedTuple):
    """The estimate as a weighted sum of the signs, cut to [0, 1].

    Args:
        base: what is added to the sum.
        weights: of `Signs`, in their order.
        softened: whether the agreement is that of the mask whose logits are half of these, see `soften`.
    """

    base: float
    weights: tuple[float, float, float]
    softened: bool = False

    def __call__(self, signs: Signs) -> float:
        """The estimate of the intersection over union, [0, 1]."""
        total = self.base
        for weight, sign in zip(self.weights, signs, strict=True):
            total += weight * sign
        return min(1.0, max(0.0, total))


OTHERS = "others"
KINDS: Mapping[str, str] = {
    **dict.fromkeys(("u2net", "u2netp", "u2net-human", "silueta", "isnet"), "networks"),
    **dict.fromkeys(("birefnet", "birefnet-lite", "birefnet-portrait"), "networks"),
    **dict.fromkeys(("inspyrenet", "rmbg-1.4", "rmbg-2.0"), "networks"),
    **dict.fromkeys(("fast", "free", "student"), "students"),
    **dict.fromkeys(("rbd", "mr", "mc", "dsr"), "priors"),
    **dict.fromkeys(("vote", "deepusps"), "sharpened"),
}
"""The kind of a method's masks; all that are not named, such as ``onnx``, are `OTHERS`.

A network with weights of its own is added here and in `LINES`, under the next `CONFIDENCE_VERSION`: shards
of before keep theirs.
"""

LINES: Mapping[str, Mapping[int, tuple[Line, Line]]] = {
    "networks": {1: (Line(-0.535, (1.55, -0.186, -0.151)), Line(0.972, (0.0, -1.369, -0.071)))},
    "students": {
        2: (Line(-0.468, (1.434, 0.0, -0.096)), Line(0.876, (0.0, -1.342, -0.073))),
        3: (Line(-0.513, (1.496, 0.0, -0.064), softened=True), Line(0.908, (0.0, -1.31, -0.076))),
    },
    "priors": {1: (Line(0.166, (0.677, -0.451, -0.286)), Line(0.628, (0.0, -0.964, -0.246)))},
    "sharpened": {1: (Line(-1.855, (2.621, -0.391, -0.608)), Line(0.739, (0.0, -1.117, -0.505)))},
    OTHERS: {1: (Line(0.293, (0.521, -0.837, -0.253)), Line(0.708, (0.0, -1.145, -0.134)))},
}
"""By kind and by the version since which they hold: the weights for soft masks, and for binary ones.

``networks`` is fitted on U²-Net-p alone, and taken for networks of the same task that were not measured;
``students`` on the two that come with maskgen, `fast` and `free`, and taken for those of one's own (2 for
those that were exported as they had learned, 3 for those with doubled logits);
``sharpened`` on the two methods whose last step moves masks onto edges and leaves few pixels in doubt;
``others`` on all of these, so that it expects less of a good network than is true.
"""


def mask_confidence(
    small: NDArray[np.uint8],
    level: int,
    method: str,
    *,
    binary: bool = False,
    version: int = CONFIDENCE_VERSION,
) -> float:
    """The confidence in a mask: an estimate of its intersection over union with the true mask.

    Args:
        small: (128, 128) uint8, `coverage.small_mask` of the stored mask.
        level: the smallest stored mask value, 1..255, that counts as foreground.
        method: that made the mask; one that is not in `KINDS` has the weights of `OTHERS`.
        binary: whether masks are stored binary, so that their shape alone tells something.
        version: of the weights, as the manifest has it.

    Returns:
        [0, 1] in steps of 0.001; 0 for an empty mask.

    Example:
        >>> import numpy as np
        >>> small = np.zeros((128, 128), np.uint8)
        >>> mask_confidence(small, 128, "vote")
        0.0
    """
    line = line_of(method, binary=binary, version=version)
    signs = mask_signs(small, level, softened=line.softened)
    return round(line(signs), _DIGITS) if signs else 0.0


def line_of(method: str, *, binary: bool = False, version: int = CONFIDENCE_VERSION) -> Line:
    """The newest weights for a method's masks that a version has."""
    for kind in (KINDS.get(method, OTHERS), OTHERS):
        known = LINES[kind]
        if fitting := [since for since in known if since <= version]:
            soft, of_shape = known[max(fitting)]
            return of_shape if binary else soft
    raise ValueError(f"there are no weights of version {version}")


def mask_signs(small: NDArray[np.uint8], level: int, *, softened: bool = False) -> Signs | None:
    """What a mask tells of itself; None of one without foreground.

    Args:
        small: (128, 128) uint8, see `mask_confidence`.
        level: the smallest value, 1..255, that counts as foreground.
        softened: whether the agreement is that of the mask after `soften`.
    """
    hard = small >= level
    counts = np.bincount(small.ravel(), minlength=256)
    area = int(counts[level:].sum())
    if not area:
        return None
    weighted = counts * _centered(level, softened)
    inside, everywhere = int(weighted[level:].sum()), int(weighted.sum())
    agreement = inside / (_STEPS * area + everywhere - inside)
    spread = 1
    for axis in (0, 1):  # of a line, n² times the variance of its n places, in whole numbers
        lines = np.count_nonzero(hard, axis=1 - axis).astype(np.int64)
        places = np.arange(len(lines), dtype=np.int64)
        spread *= area * int((lines * places**2).sum()) - int((lines * places).sum()) ** 2
    scatter = sqrt(spread) / area**3
    sides = sum(bool(side.any()) for side in (hard[0], hard[-1], hard[:, 0], hard[:, -1])) / 4
    return Signs(agreement, min(scatter, 0.5), sides)


@cache
def _centered(level: int, softened: bool) -> NDArray[np.int64]:
    """(256,) int64 0..1000: what each mask value becomes when `level` is moved to the middle."""
    values, half = np.arange(256, dtype=np.int64), _STEPS // 2
    below = half * values // level
    above = _STEPS - half * (255 - values) // max(1, 255 - level)
    centered = np.where(values < level, below, above)
    return np.array([round(_STEPS * soften(one / _STEPS)) for one in centered]) if softened else centered


def suspected(small: NDArray[np.uint8], method: str, version: int = CONFIDENCE_VERSION) -> NDArray[np.uint8]:
    """The small mask that says how much of a photo's parts a method takes for its object.

    That of a student is softened, see `soften`: a strip of background that it suspects faintly is to be
    avoided still (`backgrounds.choice`).

    Args:
        small: (128, 128) uint8, see `mask_confidence`.
        method: that made the mask.
        version: of the confidence's weights, as the manifest has it.
    """
    return _SOFTENED.take(small) if line_of(method, version=version).softened else small


def soften(value: float) -> float:
    """The sigmoid of half of a value's logit, [0, 1] to [0, 1].

    Students are exported with doubled logits (`sharpen` of `maskgen distill`). How far a mask is to be
    trusted shows in how soft it was before: what is nearly 0 or 1 by then is lost to the agreement otherwise.

    Example:
        >>> [round(soften(value), 6) for value in (0.0, 0.1, 0.5, 1.0)]
        [0.0, 0.25, 0.5, 1.0]
    """
    here, there = sqrt(value), sqrt(1 - value)
    return here / (here + there)


_SOFTENED = np.array([round(255 * soften(value / 255)) for value in range(256)], np.uint8)
