"""`--preset smoke`: each method in its smallest form, a step of which takes a fraction of a second on one core.

All values are ours; they show that everything runs, not that it learns well.
"""

from __future__ import annotations

from ..registry import METHOD_NAMES
from .spec import Preset

_SPECIAL: dict[str, dict[str, object]] = {
    "mocov2": {"queue": 256, "ema": 0.99, "bn_groups": 2, "head_hidden": 64},
    "simclr": {"temperature": 0.2},
    "simsiam": {"predictor_hidden": 32, "sync_batchnorm": -1},
    "byol": {"ema": 0.99, "predictor_hidden": 128, "sync_batchnorm": -1},
    "swav": {
        # With the paper's epsilon / temperature of 0.05 / 0.1 the crops of so small a network agree too little: equal
        # scores for all prototypes are then stable, and the loss stays at ln K (docs/ssl/swav.md).
        "optimizer": "larc", "lr": 4.8, "lr_final": 0.0048, "temperature": 0.2, "epsilon": 0.025, "prototypes": 16,
        # No queue: in so short a run its rows are those of another network, and whole batches move to one prototype.
        "queue": 0, "queue_start_epoch": 0, "freeze_prototypes": 2, "weight_decay": 1e-6,
    },
    "relicv2": {"ema": 0.99, "ema_final": 0.99, "predictor_hidden": 128},
    "cast": {"queue": 256, "ema": 0.99, "bn_groups": 2, "head": "linear", "clip_norm": 2.0, "view_px": 56},
    "msr": {"ema": 0.99, "predictor_hidden": 128},
    "knn-moco": {
        "queue": 256, "ema": 0.99, "bn_groups": 2, "head_hidden": 64, "neighbours": 5,
        "neighbour_start_epoch": 1.0,
    },
    "supervised": {},
}  # fmt: skip


def _smoke(method: str) -> Preset:
    values: dict[str, object] = {
        "source": "ours: small enough for one core",
        "view_px": 32,
        "small_px": 24,
        "backbone": "tiny",
        "epochs": 4,
        "batch_size": 32,
        "lr": 0.05,
        "lr_scaling": "absolute",
        "head_hidden": 128,
        "head_out": 32,
        **_SPECIAL[method],
    }
    return Preset(method=method, recipe=method, **values)  # type: ignore[arg-type]


SMOKE: dict[str, Preset] = {method: _smoke(method) for method in METHOD_NAMES}
