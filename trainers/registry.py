"""Every trainer method, a row each: what `train-ssl`, the presets and the trainers know a method by.

Imports no torch.

To add one: a row here, and four files of its name: ``methods/x.py``, ``presets/x.py``, ``docs/ssl/x.md`` and
``tests/trainers/methods/test_x.py``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TrainerMethod:
    """One trainer method.

    Args:
        name: as `train-ssl` takes it; a recipe of this name makes the views of its smoke preset.
        class_name: of its `Method`, in ``methods/``.
        summary: one line for ``train-ssl --help``.
        views: how many it compares, at least.
        multi_crop: whether it uses more views than that; if not, a recipe has just so many.
        reads: the options of a `Preset` that it reads beside those of every method. With ``negative_p``, it
            uses a recipe's matched negative.
        parts: what it needs beside the pictures, of the first view, the second and so on: fields of a
            recipe's `View`.
        labels: whether it learns from labels.
    """

    name: str
    class_name: str
    summary: str
    reads: tuple[str, ...] = ()
    views: int = 2
    multi_crop: bool = False
    parts: tuple[str, ...] = ()
    labels: bool = False

    @property
    def module(self) -> str:
        """The name of its files in ``methods/`` and ``presets/``."""
        return self.name.replace("-", "_")

    @property
    def matched_negatives(self) -> bool:
        """Whether it contrasts, and so uses the matched negative of BG_Swaps."""
        return "negative_p" in self.reads


_HEAD = ("head_hidden", "head_out")
_MOCO = (*_HEAD, "head", "bn_groups", "temperature", "queue", "ema", "negative_p")
_TARGET = (*_HEAD, "predictor_hidden", "ema", "ema_final")

_ROWS = (
    TrainerMethod(
        "mocov2",
        "MoCoV2",
        "MoCo v2, with the background augmentations of Ryali et al.",
        reads=(*_MOCO, "symmetric", "enqueue"),
        multi_crop=True,
    ),
    TrainerMethod(
        "simclr", "SimCLR", "SimCLR.", reads=(*_HEAD, "temperature", "negative_p"), multi_crop=True
    ),
    TrainerMethod(
        "simsiam",
        "SimSiam",
        "SimSiam.",
        reads=(*_HEAD, "predictor_hidden", "fixed_predictor_lr"),
        multi_crop=True,
    ),
    TrainerMethod("byol", "BYOL", "BYOL, with background augmentations.", reads=_TARGET, multi_crop=True),
    TrainerMethod(
        "swav",
        "SwAV",
        "SwAV, with background augmentations.",
        reads=(
            *_HEAD,
            "temperature",
            "queue",
            "queue_start_epoch",
            "prototypes",
            "epsilon",
            "sinkhorn_iterations",
            "freeze_prototypes",
        ),
        multi_crop=True,
    ),
    TrainerMethod(
        "relicv2",
        "RELICv2",
        "RELICv2: invariance, few negatives, background removal.",
        reads=(
            *_TARGET,
            "temperature",
            "negatives",
            "contrast_weight",
            "invariance_weight",
            "same_view_pairs",
            "divergence",
        ),
        multi_crop=True,
    ),
    TrainerMethod(
        "cast",
        "CAST",
        "CAST: MoCo whose attention is on the foreground.",
        reads=(
            *_MOCO,
            "attention_weight",
            "normalize_weights",
            "attention_map",
            "attention_over",
            "cam_px",
        ),
        parts=("cam_masks", "masked"),
    ),
    TrainerMethod(
        "msr",
        "MSR",
        "MSR: aggressive views weighted down over time.",
        reads=(*_TARGET, "framework", "msr_beta", "msr_schedule"),
        parts=("weak", "weak"),
    ),
    TrainerMethod(
        "knn-moco",
        "KNNMoCo",
        "MoCo with constrained multi-crop and neighbors (Van Gansbeke et al.).",
        reads=(
            *_MOCO,
            "neighbors",
            "neighbor_weight",
            "neighbor_start_epoch",
            "neighbor_features",
            "mine_enqueued",
        ),
        multi_crop=True,
    ),
    TrainerMethod(
        "supervised", "Supervised", "The supervised control, on the shards' labels.", views=1, labels=True
    ),
)
TRAINER_METHODS: dict[str, TrainerMethod] = {row.name: row for row in _ROWS}
"""Every method by its name, in the order of ``train-ssl --help``."""
METHOD_NAMES = tuple(TRAINER_METHODS)
