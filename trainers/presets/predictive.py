"""Settings of the methods without negatives: SimSiam, BYOL, MSR. Abbreviations as in `contrastive`."""

from __future__ import annotations

from dataclasses import replace

from .spec import Preset

_SIMSIAM = Preset(
    method="simsiam",
    source="SimSiam (Chen and He 2021), section 3 and its code",
    recipe="simsiam",
    epochs=100,  # section 4
    batch_size=512,  # section 3
    optimizer="sgd",
    lr=0.05,  # section 3: 0.05 x batch / 256
    schedule="cosine epoch",  # code
    weight_decay=1e-4,  # section 3; code: of all parameters
    head_hidden=2048,  # section 3: three layers of 2048
    head_out=2048,
    predictor_hidden=512,  # section 3
    sync_batchnorm=-1,  # section 3
    zero_init_residual=True,  # code
    fixed_predictor_lr=True,  # code: --fix-pred-lr
)
SIMSIAM: dict[str, Preset] = {
    "imagenet-100": _SIMSIAM,
    "imagenet-200": replace(_SIMSIAM, epochs=200),  # table 4
    "imagenet-800": replace(_SIMSIAM, epochs=800),  # table 4
}

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
    """Ryali, A.1.1: BatchNorm over groups of 8 GPUs; p 0.15 for BG_RM and 0.05 for BG_Random, fg_min 0.05."""
    return replace(_BYOL if full else _BYOL_300, source=_RYALI, recipe=recipe, sync_batchnorm=8)


BYOL: dict[str, Preset] = {
    "imagenet-100": replace(_BYOL, epochs=100, lr=0.45, weight_decay=1e-6, ema=0.99),  # code
    "imagenet-300": _BYOL_300,
    "imagenet-1000": _BYOL,
    "bg-rm-300": _byol("byol-bg-rm", full=False),
    "bg-rm-1000": _byol("byol-bg-rm", full=True),
    "bg-random-300": _byol("byol-bg-random", full=False),
    "bg-random-1000": _byol("byol-bg-random", full=True),
    "saliency-300": replace(
        _BYOL_300, source="RELICv2, table 14: BYOL with saliency masks", recipe="byol-saliency"
    ),
}

_MSR_SMALL = Preset(
    method="msr",
    source="MSR (Bai et al. 2022), 4.1, and its code",
    recipe="msr",
    view_px=32,  # 4.1
    backbone="resnet18-small",  # 4.1; code: 3 x 3 stem, no pooling
    zero_init_residual=True,  # code
    epochs=200,  # table 2
    batch_size=256,  # 4.1
    optimizer="sgd",
    lr=0.1,  # 4.1
    schedule="cosine epoch",  # code
    weight_decay=5e-4,  # 4.1; code: of all parameters
    ema=0.99,  # 4.1
    ema_final=1.0,  # 4.1
    head_hidden=1024,  # 4.1
    head_out=128,  # 4.1
    predictor_hidden=1024,  # 4.1
    msr_beta=0.3,  # 4.1: CIFAR
)
_MSR_MEDIUM = replace(_MSR_SMALL, view_px=64, msr_beta=0.4)  # 4.1: Tiny ImageNet, STL-10
_MSR_IN100 = replace(
    _MSR_SMALL,
    view_px=0,
    backbone="resnet50",  # 4.1
    epochs=200,  # table 3
    lr=0.2,  # 4.1
    weight_decay=1e-4,  # 4.1
    head_hidden=4096,  # code
    head_out=256,
    predictor_hidden=4096,
    msr_beta=0.4,  # 4.1
)
_MSR_IN1K = replace(
    _MSR_IN100,
    batch_size=2048,  # 4.1
    optimizer="lars",  # 4.1
    lr=0.6,  # 4.1: for 200 epochs
    warmup_epochs=10,  # code: its README
    schedule="cosine step",
    weight_decay=1e-6,  # 4.1
    exclude_1d=True,  # code
    sync_batchnorm=-1,  # code
    ours=("schedule",),
)
_SIMSIAM_MSR = "MSR (Bai et al. 2022), appendix B: SimSiam + MSR"
MSR: dict[str, Preset] = {
    "cifar-200": _MSR_SMALL,
    "cifar-800": replace(_MSR_SMALL, epochs=800),
    "tiny-200": _MSR_MEDIUM,
    "tiny-800": replace(_MSR_MEDIUM, epochs=800),
    "stl-200": _MSR_MEDIUM,
    "stl-800": replace(_MSR_MEDIUM, epochs=800),
    "imagenet100-100": replace(_MSR_IN100, epochs=100),  # table 1
    "imagenet100-200": _MSR_IN100,
    "imagenet-100": replace(_MSR_IN1K, epochs=100, lr=0.9),  # 4.1
    "imagenet-200": _MSR_IN1K,
    "simsiam-cifar-200": replace(  # the heads are not described; all else "the same settings"
        _MSR_SMALL,
        source=_SIMSIAM_MSR,
        framework="simsiam",
        ours=("head_hidden", "head_out", "predictor_hidden"),
    ),
}
