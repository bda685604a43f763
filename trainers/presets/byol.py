"""Settings of BYOL, with and without background augmentations.

"Ryali" is Ryali et al., Leveraging background augmentations to encourage semantic focus in self-supervised
contrastive learning (https://arxiv.org/abs/2103.12719v1; later versions have another title); "code" is
the authors' published code.
"""

from __future__ import annotations

from dataclasses import replace

from .msr_baselines import msr_baselines
from .smoke import smoke
from .spec import Preset

_BYOL = Preset(
    method="byol",
    source="BYOL (Grill et al. 2020), section 3.3, and its code",
    recipe="byol",  # appendix B
    epochs=1000,  # 3.3
    batch_size=4096,  # 3.3
    optimizer="lars",  # 3.3
    lr=0.2,  # 3.3
    warmup_epochs=10,  # 3.3
    schedule="cosine step",  # 3.3
    weight_decay=1.5e-6,  # 3.3
    exclude_1d=True,  # 3.3
    ema=0.996,  # 3.3
    ema_final=1.0,  # 3.3
    head_hidden=4096,  # 3.3
    head_out=256,  # 3.3
    predictor_hidden=4096,  # 3.3
    sync_batchnorm=-1,  # code: statistics over all devices
    zero_init_residual=True,  # code: haiku's ResNet
)
_BYOL_300 = replace(_BYOL, epochs=300, lr=0.3, weight_decay=1e-6, ema=0.99)  # code
_RYALI = "Ryali et al., A.1.1; what it does not say as BYOL"


def _byol(recipe: str, full: bool) -> Preset:
    """Ryali, A.1.1: p 0.15 for BG_RM and 0.05 for BG_Random, fg_min 0.05.

    BatchNorm is over groups of 8 of the 64 GPUs that share a batch of 4096.
    """
    return replace(_BYOL if full else _BYOL_300, source=_RYALI, recipe=recipe, sync_batchnorm=512)


_MSR = msr_baselines(
    "byol",
    ours=(),
    large={"head_hidden": 4096, "head_out": 256, "predictor_hidden": 4096},  # code
    zero_init_residual=True,  # code
    ema=0.99,  # 4.1
    ema_final=1.0,  # 4.1
    head_hidden=1024,  # 4.1
    head_out=128,  # 4.1
    predictor_hidden=1024,  # 4.1
)


def _weak(name: str) -> Preset:
    """MSR, table 1, AW: one view is aggressive, the other weak (code: ``--augs aw --method byol``)."""
    return replace(
        _MSR[f"msr-{name}"], source="MSR (Bai et al. 2022), 4.2: table 1, BYOL with AW", recipe="msr-weak"
    )


PRESETS: dict[str, Preset] = {
    "imagenet-100": replace(_BYOL, epochs=100, lr=0.45, weight_decay=1e-6, ema=0.99),  # code
    "imagenet-300": _BYOL_300,
    "imagenet-1000": _BYOL,
    "plain-300": _byol("byol-plain", full=False),  # Ryali, table 1: the control
    "plain-1000": _byol("byol-plain", full=True),
    "bg-rm-300": _byol("byol-bg-rm", full=False),
    "bg-rm-1000": _byol("byol-bg-rm", full=True),
    "bg-random-300": _byol("byol-bg-random", full=False),
    "bg-random-1000": _byol("byol-bg-random", full=True),
    "saliency-300": replace(
        _BYOL_300, source="RELICv2, table 14: BYOL with saliency masks", recipe="byol-saliency"
    ),
    **_MSR,
    **{f"msr-weak-{name}": _weak(name) for name in ("cifar-200", "stl-200", "imagenet100-100")},
    "smoke": smoke("byol", ema=0.99, predictor_hidden=128, sync_batchnorm=-1),
}
