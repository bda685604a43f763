"""Every preset by method and name."""

from __future__ import annotations

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

from . import contrastive, others, predictive
from .smoke import SMOKE
from .spec import Preset

PRESETS: dict[str, dict[str, Preset]] = {
    "mocov2": {**contrastive.MOCOV2, "smoke": SMOKE["mocov2"]},
    "simclr": {**contrastive.SIMCLR, "smoke": SMOKE["simclr"]},
    "simsiam": {**predictive.SIMSIAM, "smoke": SMOKE["simsiam"]},
    "byol": {**predictive.BYOL, "smoke": SMOKE["byol"]},
    "swav": {**others.SWAV, "smoke": SMOKE["swav"]},
    "relicv2": {**others.RELICV2, "smoke": SMOKE["relicv2"]},
    "cast": {**contrastive.CAST, "smoke": SMOKE["cast"]},
    "msr": {**predictive.MSR, "smoke": SMOKE["msr"]},
    "knn-moco": {**contrastive.KNN_MOCO, "smoke": SMOKE["knn-moco"]},
    "supervised": {**others.SUPERVISED, "smoke": SMOKE["supervised"]},
}


def find_preset(method: str, name: str) -> Preset:
    """The preset of a method by its name.

    Raises:
        UsageError: there is no such method or preset.
    """
    if method not in PRESETS:
        raise UsageError(f"unknown method {method!r}", remedy=nearest(method, list(PRESETS)))
    if name not in PRESETS[method]:
        raise UsageError(f"{method} has no preset {name!r}", remedy=nearest(name, list(PRESETS[method])))
    return PRESETS[method][name]
