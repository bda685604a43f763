"""An arm small enough for a core: the sizes of its method's smoke preset, all else as the arm has it."""

from __future__ import annotations

from ..presets import Preset, find_preset
from ..presets.spec import options

SIZES = (
    "view_px",
    "small_px",
    "backbone",
    "epochs",
    "epoch_images",
    "steps",
    "batch_size",
    "warmup_epochs",
    "milestones",
    "head_hidden",
    "head_out",
    "predictor_hidden",
    "bn_groups",
    "queue",
    "queue_start_epoch",
    "prototypes",
    "freeze_prototypes",
    "negatives",
    "neighbors",
    "neighbor_start_epoch",
)
"""Settings that make a training large or long."""


def smoke_settings(preset: Preset) -> dict[str, object]:
    """What to set on top of an arm's preset.

    Args:
        preset: with the arm's own settings.

    Example:
        >>> from maskgen.trainers import find_preset
        >>> from maskgen.trainers.experiments.smoke import smoke_settings
        >>> smoke_settings(find_preset("simclr", "imagenet-1000"))["backbone"]
        'tiny'
    """
    small = find_preset(preset.method, "smoke")
    reads = {one.name for one in options(preset.method)}
    one_size = len({view.size for view in preset.views.views}) == 1
    left_out = {"small_px"} if one_size else set()
    return {name: getattr(small, name) for name in SIZES if name in reads and name not in left_out}
