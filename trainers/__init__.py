"""Stage two: self-supervised training on shards, and its evaluation. Importing this package imports no torch.

A name's module is imported when the name is first used; the losses are in `maskgen.trainers.losses`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluations.davis.task import DavisConfig, run_davis
    from .evaluations.fcn.run import FcnConfig, run_fcn
    from .evaluations.finetune.run import run_finetune
    from .evaluations.grounding.task import GroundingConfig, run_grounding
    from .evaluations.retrieval.task import RetrievalConfig, run_retrieval
    from .evaluations.robust.attacked import AttackConfig, run_attack
    from .evaluations.robust.run import RobustConfig, run_robust
    from .evaluations.voc07.run import VocConfig, run_voc07
    from .presets import PRESETS, Preset, find_preset, with_overrides
    from .pretrained.encoder import Encoder, load_encoder
    from .probes.setup import ProbeConfig
    from .probes.tasks import run_head, run_knn, run_linear
    from .registry import TRAINER_METHODS
    from .run import train
    from .settings import Settings
    from .training.export import export

__all__ = [
    "PRESETS",
    "TRAINER_METHODS",
    "AttackConfig",
    "DavisConfig",
    "Encoder",
    "FcnConfig",
    "GroundingConfig",
    "Preset",
    "ProbeConfig",
    "RetrievalConfig",
    "RobustConfig",
    "Settings",
    "VocConfig",
    "export",
    "find_preset",
    "load_encoder",
    "run_attack",
    "run_davis",
    "run_fcn",
    "run_finetune",
    "run_grounding",
    "run_head",
    "run_knn",
    "run_linear",
    "run_retrieval",
    "run_robust",
    "run_voc07",
    "train",
    "with_overrides",
]

_MODULES = {
    "AttackConfig": "evaluations.robust.attacked",
    "DavisConfig": "evaluations.davis.task",
    "Encoder": "pretrained.encoder",
    "FcnConfig": "evaluations.fcn.run",
    "GroundingConfig": "evaluations.grounding.task",
    "PRESETS": "presets",
    "Preset": "presets",
    "ProbeConfig": "probes.setup",
    "RetrievalConfig": "evaluations.retrieval.task",
    "RobustConfig": "evaluations.robust.run",
    "Settings": "settings",
    "TRAINER_METHODS": "registry",
    "VocConfig": "evaluations.voc07.run",
    "export": "training.export",
    "find_preset": "presets",
    "load_encoder": "pretrained.encoder",
    "run_attack": "evaluations.robust.attacked",
    "run_davis": "evaluations.davis.task",
    "run_fcn": "evaluations.fcn.run",
    "run_finetune": "evaluations.finetune.run",
    "run_grounding": "evaluations.grounding.task",
    "run_head": "probes.tasks",
    "run_knn": "probes.tasks",
    "run_linear": "probes.tasks",
    "run_retrieval": "evaluations.retrieval.task",
    "run_robust": "evaluations.robust.run",
    "run_voc07": "evaluations.voc07.run",
    "train": "run",
    "with_overrides": "presets",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
