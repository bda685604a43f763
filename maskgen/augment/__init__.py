"""Background augmentations for one's own training script: on photos, masks and backgrounds from anywhere.

`Augment` makes a loader's views of pictures in memory, with the loader's draws and pixels; `batches` and
`masks` have the same steps for batches of tensors on any device, `transforms` for one photo in torchvision's
pipelines.

A name's module is imported when the name is first used; all of them import torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..errors import EnvironmentFault

if TYPE_CHECKING:
    from maskgen.loaders.recipes.parts import Background, Corruption, Crop

    from .batches import compose, replace_backgrounds
    from .masks import corrupt_masks, foreground_crops
    from .negatives import matched_negatives
    from .recipes import Augment
    from .transforms import CorruptMask, ForegroundCrop, ReplaceBackground

__all__ = [
    "Augment",
    "Background",
    "CorruptMask",
    "Corruption",
    "Crop",
    "ForegroundCrop",
    "ReplaceBackground",
    "compose",
    "corrupt_masks",
    "foreground_crops",
    "matched_negatives",
    "replace_backgrounds",
]

_PARTS = "maskgen.loaders.recipes.parts"
_MODULES = {
    "Augment": "recipes",
    "corrupt_masks": "masks",
    "foreground_crops": "masks",
    "matched_negatives": "negatives",
    "CorruptMask": "transforms",
    "ForegroundCrop": "transforms",
    "ReplaceBackground": "transforms",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    parts = name in ("Background", "Corruption", "Crop")
    module = _PARTS if parts else f"{__name__}.{_MODULES.get(name, 'batches')}"
    try:
        value = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name not in ("torch", "torchvision"):
            raise
        raise EnvironmentFault(
            "the augmentations need torch and torchvision",
            cause=str(error),
            remedy='pip install "maskgen[train]", or just these two',
        ) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
