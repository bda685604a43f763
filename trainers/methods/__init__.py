"""One file per self-supervised method, and the supervised control."""

from .base import Method, Progress, StepOutput
from .byol import Byol
from .cast import Cast
from .knn_moco import KnnMoCo
from .mocov2 import MoCoV2
from .msr import Msr
from .relicv2 import RelicV2
from .simclr import SimClr
from .simsiam import SimSiam
from .supervised import Supervised
from .swav import SwAV

METHODS: dict[str, type[Method]] = {
    "mocov2": MoCoV2,
    "simclr": SimClr,
    "simsiam": SimSiam,
    "byol": Byol,
    "swav": SwAV,
    "relicv2": RelicV2,
    "cast": Cast,
    "msr": Msr,
    "knn-moco": KnnMoCo,
    "supervised": Supervised,
}

__all__ = ["METHODS", "Method", "Progress", "StepOutput"]
