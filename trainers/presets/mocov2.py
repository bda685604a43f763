"""Settings of MoCo v2, with and without background augmentations.

"Ryali" is Ryali et al., Leveraging background augmentations to encourage semantic focus in self-supervised
contrastive learning (https://arxiv.org/abs/2103.12719v1; later versions have another title); "code" is
the authors' published code. What stands in `ours` is in neither.
"""

from __future__ import annotations

from dataclasses import replace

from .msr_baselines import msr_baselines
from .smoke import smoke
from .spec import Preset

_IMAGENET = Preset(
    method="mocov2",
    source="MoCo v2 (Chen et al. 2020): section 3 and its code",
    recipe="mocov2",  # section 3.2 and the code: aug+
    epochs=200,  # table 2
    batch_size=256,  # MoCo (He et al. 2020), section 4
    optimizer="sgd",
    lr=0.03,  # MoCo, section 4
    schedule="cosine epoch",  # code: set once per epoch, no warm-up
    weight_decay=1e-4,  # MoCo, section 4; code: of all parameters
    momentum=0.9,  # MoCo, section 4
    ema=0.999,  # MoCo, 3.2
    temperature=0.2,  # MoCo v2, section 3
    queue=65536,  # MoCo, 4.1
    head="mlp",  # MoCo v2, section 3: 2048, ReLU, 128; code: no BatchNorm
    head_hidden=2048,
    head_out=128,  # MoCo, 3.3
    bn_groups=8,  # code: 8 GPUs, BatchNorm on each, keys shuffled
)
_RYALI = replace(
    _IMAGENET,
    source="Ryali et al., A.1.1; what it does not say as MoCo v2",
    epochs=220,  # A.1.1, medium
    batch_size=1024,  # A.1.1
    lr=0.03,  # A.1: for 256, scaled: 0.12
    warmup_epochs=20,  # A.1.1
    schedule="cosine step",
    bn_groups=32,  # A.1.1: 32 GPUs
    ours=("lr", "schedule"),  # only A.1's general rule on scaling is printed
)
_RM = replace(_RYALI, recipe="mocov2-bg-rm")  # p 0.2: A.1.1
_RANDOM = replace(_RYALI, recipe="mocov2-bg-random")  # p 0.2: table A5
_SWAPS = replace(_RYALI, recipe="mocov2-bg-swaps")  # p_pos = p_neg = 0.2, fg_min 0.1: A.1.1
_COCO = replace(
    _IMAGENET,
    source="Revisiting (Van Gansbeke et al. 2021), A.1 and its code: MoCo on COCO",
    lr=0.3,  # A.1
    bn_groups=2,  # appendix A: two GPUs
)
_CAST = replace(
    _IMAGENET,
    source="CAST (Selvaraju et al. 2021), 4.1: MoCo-COCO; its settings are those of CAST's code",
    recipe="cast-plain",  # 4.1: phi 0, lambda 0
    lr=0.5,
    clip_norm=2.0,
    temperature=0.07,
    head="linear",  # table 2c
    ours=("lr", "clip_norm"),  # the paper does not print them, and the code has CAST's own run alone
)

PRESETS: dict[str, Preset] = {
    "imagenet-200": _IMAGENET,
    "imagenet-800": replace(_IMAGENET, epochs=800),  # MoCo v2, table 2
    "plain-220": _RYALI,  # Ryali, table 1: the control
    "plain-800": replace(_RYALI, epochs=800),
    "bg-rm-220": _RM,
    "bg-rm-800": replace(_RM, epochs=800),  # A.1.1, full
    "bg-random-220": _RANDOM,
    "bg-random-800": replace(_RANDOM, epochs=800),
    "bg-swaps-220": _SWAPS,
    "bg-swaps-800": replace(_SWAPS, epochs=800),
    "coco-200": _COCO,  # section 4
    "coco-400": replace(_COCO, epochs=400),  # section 3
    "coco-800": replace(_COCO, epochs=800),  # table 9
    "cast-coco-200": _CAST,  # CAST, table 1: MoCo-COCO
    "cast-crop-200": replace(_CAST, recipe="cast-crop"),  # CAST, table 1: + Constrained Crop
    **msr_baselines(
        "mocov2",
        ours=("queue", "head_hidden", "bn_groups"),
        large={"queue": 65536, "head_hidden": 2048, "bn_groups": 4},  # 4.5: 4 GPUs
        symmetric=True,  # 4.1
        ema=0.99,  # 4.1
        temperature=0.2,
        queue=4096,
        head_hidden=512,
        head_out=128,
        bn_groups=8,
    ),
    "smoke": smoke("mocov2", queue=256, ema=0.99, bn_groups=2, head_hidden=64),
}
