"""MSR's baselines: SimCLR, MoCo v2, SimSiam and BYOL on CIFAR, STL-10, Tiny ImageNet and ImageNet-100.

MSR (Bai et al. 2022), 4.1, gives one optimizer for all, with MoCo v2's augmentations. What it does not say is
as in the methods' public codes, and stands in `ours`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from .spec import Preset


def msr_baselines(
    method: str, *, ours: tuple[str, ...], large: dict[str, Any], **own: Any
) -> dict[str, Preset]:
    """The presets of a method as a baseline of MSR, by name (tables 2 and 3).

    Tiny ImageNet is trained as STL-10.

    Args:
        method: its name.
        ours: fields that MSR leaves open.
        large: fields that are other for ImageNet-100 and its ResNet-50.
        own: what the method reads alone, for ResNet-18.

    Raises:
        UsageError: as `Preset`.
    """
    cifar = Preset(
        method=method,
        source="MSR (Bai et al. 2022), 4.1: a baseline of tables 2 and 3",
        recipe="mocov2",  # 4.1: the augmentations follow MoCo v2
        view_px=32,  # 4.1
        backbone="resnet18-small",  # 4.1; code: 3 x 3 stem, no pooling
        epochs=200,  # table 2
        batch_size=256,  # 4.1
        optimizer="sgd",
        lr=0.1,  # 4.1
        schedule="cosine epoch",  # code
        weight_decay=5e-4,  # 4.1
        ours=ours,
        **own,
    )
    stl = replace(cifar, view_px=64)  # 4.1
    imagenet100 = replace(
        cifar, **{"view_px": 0, "backbone": "resnet50", "lr": 0.2, "weight_decay": 1e-4, **large}
    )
    return {
        "msr-cifar-200": cifar,
        "msr-cifar-800": replace(cifar, epochs=800),
        "msr-stl-200": stl,
        "msr-stl-800": replace(stl, epochs=800),
        "msr-imagenet100-100": replace(imagenet100, epochs=100),  # table 3
        "msr-imagenet100-200": imagenet100,
    }
