"""How the papers train their SVMs on VOC 2007."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

_FAIR_COSTS = (0.01, 0.1, *(0.5**power for power in range(4, 20)))


@dataclass(frozen=True, kw_only=True)
class SvmProtocol:
    """How a paper trains a linear SVM for each class, and measures it.

    In common (https://github.com/facebookresearch/fair_self_supervision_benchmark, tools/svm): squared hinge
    loss, positives weigh 2, at most 2000 iterations to a tolerance of 1e-4; in training, a photo whose
    objects of the class are all difficult is a negative. Deviation: the solver's order is drawn from a seed.

    Args:
        source: where the values come from.
        costs: C; of several the one with the best average precision over three folds of the training photos.
        pool: what a photo's features are, a name of `POOLS`.
        squash: resize photos to a square, whatever their shape; else the central square is cut out.
        epsilon: added to a feature's length before it is divided by it.
        measure: which average precision is the paper's, see `precision`.
        drop_difficult: leave photos whose objects of a class are all difficult out of that class's test; else
            they are negatives.
        ours: fields that the source leaves open.
    """

    source: str
    costs: tuple[float, ...]
    pool: str
    squash: bool
    epsilon: float = 1e-5
    measure: str = "all_point"
    drop_difficult: bool = True
    ours: tuple[str, ...] = ()


PROTOCOLS: dict[str, SvmProtocol] = {
    "fair": SvmProtocol(
        source="Goyal et al. 2019, and FAIR's code",
        costs=_FAIR_COSTS,
        pool="windows",
        squash=True,
        ours=("pool", "squash"),  # as VISSL, which followed it
    ),
    "vissl": SvmProtocol(
        source="VISSL's code",
        costs=(0.01, 0.1, 1, 2, 5, 10, 15, 20, 50, 100, 1000),
        pool="windows",
        squash=True,
    ),
    "cast": SvmProtocol(
        source="CAST, appendix: VOC07; VirTex's code, which it used",
        costs=(0.01, 0.1, 1, 10),
        pool="grid",
        squash=False,
        epsilon=0.0,
        measure="step",
    ),
    "revisiting": SvmProtocol(
        source="Revisiting's code, evaluation/voc_svm",
        costs=(0.5,),
        pool="mean",
        squash=False,
        drop_difficult=False,
    ),
}


def find_svm_protocol(name: str, costs: tuple[float, ...] = ()) -> SvmProtocol:
    """A protocol by name, with other costs where some are given.

    Raises:
        UsageError: there is no such protocol.

    Example:
        >>> from maskgen.trainers.evaluations.voc07.protocols import find_svm_protocol
        >>> find_svm_protocol("cast").costs, find_svm_protocol("cast", (0.5,)).costs
        ((0.01, 0.1, 1, 10), (0.5,))
    """
    if name not in PROTOCOLS:
        raise UsageError(f"unknown protocol {name!r}", remedy=nearest(name, list(PROTOCOLS)))
    found = PROTOCOLS[name]
    return dataclasses.replace(found, costs=costs) if costs else found
