"""Stage two: self-supervised training on shards, and its evaluation. Importing this package imports no torch.

A name's module is imported when the name is first used; the losses are in `maskgen.trainers.losses`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .evaluations.finetune.run import run_finetune
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
    "Encoder",
    "Preset",
    "ProbeConfig",
    "Settings",
    "VocConfig",
    "export",
    "find_preset",
    "load_encoder",
    "run_finetune",
    "run_head",
    "run_knn",
    "run_linear",
    "run_voc07",
    "train",
    "with_overrides",
]

_MODULES = {
    "Encoder": "pretrained.encoder",
    "PRESETS": "presets",
    "Preset": "presets",
    "ProbeConfig": "probes.setup",
    "Settings": "settings",
    "TRAINER_METHODS": "registry",
    "VocConfig": "evaluations.voc07.run",
    "export": "training.export",
    "find_preset": "presets",
    "load_encoder": "pretrained.encoder",
    "run_finetune": "evaluations.finetune.run",
    "run_head": "probes.tasks",
    "run_knn": "probes.tasks",
    "run_linear": "probes.tasks",
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
