"""Settings of SimSiam; "code" is the authors' published code."""

from __future__ import annotations

from dataclasses import replace

from .msr_baselines import msr_baselines
from .smoke import smoke
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
PRESETS: dict[str, Preset] = {
    "imagenet-100": _SIMSIAM,
    "imagenet-200": replace(_SIMSIAM, epochs=200),  # table 4
    "imagenet-800": replace(_SIMSIAM, epochs=800),  # table 4
    **msr_baselines(
        "simsiam",
        ours=("head_hidden", "head_out", "predictor_hidden"),
        large={"zero_init_residual": True},
        head_hidden=2048,
        head_out=2048,
        predictor_hidden=512,
        fixed_predictor_lr=False,  # table 8
    ),
    "smoke": smoke("simsiam", predictor_hidden=32, sync_batchnorm=-1),
}
