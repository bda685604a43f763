"""Settings of SimCLR; "code" is the authors' published code."""

from __future__ import annotations

from dataclasses import replace

from .msr_baselines import msr_baselines
from .smoke import smoke
from .spec import Preset

_SIMCLR = Preset(
    method="simclr",
    source="SimCLR (Chen et al. 2020), section 2.2, and its code",
    recipe="simclr",
    epochs=1000,  # section 6
    batch_size=4096,  # 2.2
    optimizer="lars",  # 2.2
    lr=0.3,  # 2.2: 0.3 x batch / 256
    warmup_epochs=10,  # 2.2
    schedule="cosine step",  # 2.2
    weight_decay=1e-6,  # 2.2
    exclude_1d=True,  # code
    temperature=0.1,  # table 5; code
    head_hidden=2048,  # 2.2: one hidden layer
    head_out=128,  # 2.2
    sync_batchnorm=-1,  # 2.2: global BatchNorm
    zero_init_residual=True,  # code
)
PRESETS: dict[str, Preset] = {
    "imagenet-100": replace(_SIMCLR, epochs=100),  # figure 9
    "imagenet-1000": _SIMCLR,
    "multi-crop-100": replace(
        _SIMCLR,
        source="RELICv2 (Tomasev et al. 2022), G.6: SimCLR on its views; all else as SimCLR",
        recipe="relicv2",
        epochs=100,
    ),
    **msr_baselines(
        "simclr",
        ours=("temperature", "head_hidden", "head_out"),
        large={"temperature": 0.1, "head_hidden": 2048},
        temperature=0.5,
        head_hidden=512,
        head_out=128,
    ),
    "smoke": smoke("simclr", temperature=0.2),
}
