"""Settings of the methods with negatives and two networks or views: MoCo v2, SimCLR, CAST, kNN-MoCo.

"Ryali" is Ryali et al., Characterizing and improving the robustness of self-supervised learning through
background augmentations; "code" the authors' published code. What stands in `ours` is in neither.
"""

from __future__ import annotations

from dataclasses import replace

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

MOCOV2: dict[str, Preset] = {
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
}

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
SIMCLR: dict[str, Preset] = {
    "imagenet-100": replace(_SIMCLR, epochs=100),  # figure 9
    "imagenet-1000": _SIMCLR,
}

_CAST = Preset(
    method="cast",
    source="CAST (Selvaraju et al. 2021), sections 3 and 4, and its code",
    recipe="cast",  # phi 0.2 (table 2a), masks 7 x 7
    epochs=200,  # code
    batch_size=256,  # code
    optimizer="sgd",
    lr=0.5,  # code: with its normalised loss
    schedule="cosine epoch",  # code: --cos, no warm-up
    weight_decay=1e-4,  # code
    clip_norm=2.0,  # code
    ema=0.999,  # code; it updates twice per step, which makes 0.998
    temperature=0.07,  # code
    queue=65536,  # code
    head="linear",  # code; table 2c: an MLP gains 0.4 mAP
    head_out=128,
    bn_groups=8,  # code: 8 GPUs
    attention_weight=3.0,  # table 2b; code: --alpha-masked 3
    normalise_weights=True,  # code: (L_c + 3 L_a) / 4
    attention_map="relu",  # eq. 2; the code's ReLU has no effect: minmax
    attention_over="image",  # eq. 4; the code: batch
)
CAST: dict[str, Preset] = {
    "coco-200": _CAST,
    "coco-mlp-200": replace(_CAST, head="mlp"),  # table 2c
    "coco-code-200": replace(
        _CAST, attention_map="minmax", attention_over="batch", ema=0.998
    ),  # as it was run
}

_KNN = Preset(
    method="knn-moco",
    source="Revisiting (Van Gansbeke et al. 2021), sections 4.1 to 4.3 and A.1, and its code",
    recipe="knn-moco",  # 4.1, 4.2, A.1: 2 x 160 px, 4 x 96 px, overlap 0.2, A+
    epochs=200,  # section 4
    batch_size=256,  # code
    optimizer="sgd",
    lr=0.3,  # A.1
    schedule="cosine epoch",  # code
    weight_decay=1e-4,  # code
    ema=0.995,  # 4.1
    temperature=0.2,  # MoCo v2
    queue=65536,  # code
    head="mlp",  # A.1: without BatchNorm
    head_hidden=2048,
    head_out=128,
    bn_groups=2,  # appendix A: two GPUs
    neighbours=20,  # table 8
    neighbour_weight=0.4,  # table 8
    neighbour_start_epoch=5,  # appendix B; the code's script: 20
)
KNN_MOCO: dict[str, Preset] = {
    "coco-200": _KNN,
    "coco-800": replace(_KNN, epochs=800, neighbour_start_epoch=20),  # table 9; code
}
