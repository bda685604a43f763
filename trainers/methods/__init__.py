"""One file per self-supervised method, and the supervised control."""

from maskgen.trainers.methods.base import Method, Progress, StepOutput
from maskgen.trainers.methods.byol import Byol
from maskgen.trainers.methods.cast import Cast
from maskgen.trainers.methods.knn_moco import KnnMoCo
from maskgen.trainers.methods.mocov2 import MoCoV2
from maskgen.trainers.methods.msr import Msr
from maskgen.trainers.methods.relicv2 import RelicV2
from maskgen.trainers.methods.simclr import SimClr
from maskgen.trainers.methods.simsiam import SimSiam
from maskgen.trainers.methods.supervised import Supervised
from maskgen.trainers.methods.swav import SwAV

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
