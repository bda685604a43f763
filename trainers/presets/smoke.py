"""`--preset smoke`.

Each method in its smallest form, a step of which takes a fraction of a second on one core.

All values are ours; they show that everything runs, not that it learns well.
"""

from __future__ import annotations

from typing import Any

from .spec import Preset

_SMALL: dict[str, Any] = {
    "source": "ours: small enough for one core",
    "view_px": 32,
    "small_px": 24,
    "backbone": "tiny",
    "epochs": 4,
    "batch_size": 8,  # a dozen photos are enough
    "lr": 0.05,
    "lr_scaling": "absolute",
    "head_hidden": 128,
    "head_out": 32,
}


def smoke(method: str, **changes: Any) -> Preset:
    """The smoke preset of a method, on the recipe of its name.

    Args:
        method: a name of the registry.
        changes: fields of `Preset` that are other than in all smoke presets.

    Raises:
        UsageError: as `Preset`.
    """
    return Preset(**{"method": method, "recipe": method, **_SMALL, **changes})
