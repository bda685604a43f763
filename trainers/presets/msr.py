"""Settings of MSR; "code" is the authors' published code, and what stands in `ours` is in neither."""

from __future__ import annotations

from dataclasses import replace

from .smoke import smoke
from .spec import Preset

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


def _on_simsiam(preset: Preset) -> Preset:
    """Table 8: the heads are not described; all else "the same settings"."""
    source = "MSR (Bai et al. 2022), appendix B: SimSiam + MSR"
    return replace(
        preset, source=source, framework="simsiam", ours=("head_hidden", "head_out", "predictor_hidden")
    )


def _decay(preset: Preset) -> Preset:
    """Table 1, "Decay", with 4.2's first weight of 0.5."""
    return replace(
        preset, source="MSR (Bai et al. 2022), 4.2: table 1 with a weight that decays", msr_beta=0.5
    )


def _fixed(preset: Preset) -> Preset:
    """Table 1, "Fixed", with 4.2's weight of 0.5, of which the paper says that it decays from or stays."""
    source = "MSR (Bai et al. 2022), 4.2: table 1 with a fixed weight"
    return replace(preset, source=source, msr_beta=0.5, msr_schedule="fixed")


PRESETS: dict[str, Preset] = {
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
    "fixed-cifar-200": _fixed(_MSR_SMALL),
    "fixed-stl-200": _fixed(_MSR_MEDIUM),  # and Tiny ImageNet
    "fixed-imagenet100-100": _fixed(replace(_MSR_IN100, epochs=100)),
    "decay-cifar-200": _decay(_MSR_SMALL),
    "decay-stl-200": _decay(_MSR_MEDIUM),  # and Tiny ImageNet
    "decay-imagenet100-100": _decay(replace(_MSR_IN100, epochs=100)),
    "simsiam-cifar-200": _on_simsiam(_MSR_SMALL),
    "simsiam-stl-200": _on_simsiam(_MSR_MEDIUM),
    "simsiam-imagenet100-200": _on_simsiam(_MSR_IN100),
    "smoke": smoke("msr", ema=0.99, predictor_hidden=128),
}
