"""What may follow any method.

A dense CRF, a guided filter, or a vote together with the training-free methods.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

from maskgen.errors import UsageError
from maskgen.types import RGB, SoftMask

if TYPE_CHECKING:
    from maskgen.types import Method

Refinement: TypeAlias = Callable[[RGB, SoftMask, float], SoftMask]


# Each imports its libraries when it is first used: SciPy takes longer to import, in every process, than all
# the rest of maskgen.


def _crf(image: RGB, mask: SoftMask, threshold: float) -> SoftMask:
    from .crf import refine_crf

    return refine_crf(image, mask, threshold)


def _guided(image: RGB, mask: SoftMask, threshold: float) -> SoftMask:  # noqa: ARG001 - a mean keeps the threshold
    from .guided import refine_guided

    return refine_guided(image, mask)


def _vote(image: RGB, mask: SoftMask, threshold: float) -> SoftMask:
    from .vote import refine_vote

    return refine_vote(image, mask, threshold)


REFINEMENTS: dict[str, Refinement] = {"crf": _crf, "guided": _guided, "vote": _vote}
REFINEMENT_LIBRARIES = {"vote": ("scipy",)}
"""Distributions whose version changes what a refinement makes, beside those of all methods.

They are part of the fingerprint.
"""


def add_refinement(method: Method, refinement: str, threshold: float) -> Method:
    """The method, followed by a refinement.

    Args:
        method: any mask method.
        refinement: a name of `REFINEMENTS`.
        threshold: value from which a pixel of the method's masks is foreground; it holds for the refined
            masks too.

    Raises:
        UsageError: no such refinement.

    Example:
        >>> from maskgen.methods.refine.registry import add_refinement
        >>> import numpy as np
        >>> from maskgen.methods.priors.box import box
        >>> method = add_refinement(box, "guided", 0.5)
        >>> method(np.zeros((40, 60, 3), np.uint8)).shape
        (40, 60)
    """
    if refinement not in REFINEMENTS:
        raise UsageError(
            f"--refine got {refinement!r}", remedy=f"known: auto, none, {', '.join(REFINEMENTS)}"
        )
    refine = REFINEMENTS[refinement]

    def run(image: RGB) -> SoftMask:
        return refine(image, method(image), threshold)

    return run
