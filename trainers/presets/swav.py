"""Settings of SwAV, with and without background augmentations.

"Ryali" is Ryali et al., Leveraging background augmentations to encourage semantic focus in self-supervised
contrastive learning (https://arxiv.org/abs/2103.12719v1; later versions have another title); "code" is
the authors' published code. What stands in `ours` is in neither.
"""

from __future__ import annotations

from dataclasses import replace

from .smoke import smoke
from .spec import Preset

_SWAV = Preset(
    method="swav",
    source="SwAV (Caron et al. 2020), appendix A.1, and its code",
    recipe="swav",  # 2 x 224 px, 6 x 96 px
    epochs=800,
    batch_size=4096,
    optimizer="larc",  # code: trust 0.001, biases and norms too
    lr=4.8,
    lr_scaling="absolute",
    lr_final=0.0048,
    warmup_epochs=10,
    warmup_start=0.3,
    schedule="cosine step",
    weight_decay=1e-6,
    exclude_1d=False,  # code
    temperature=0.1,
    epsilon=0.05,
    sinkhorn_iterations=3,
    prototypes=3000,
    freeze_prototypes=313,  # code: the first epoch
    queue=0,
    head_hidden=2048,
    head_out=128,
    sync_batchnorm=512,  # code: groups of 8 GPUs with 64 images each
)
_SWAV_SMALL = replace(
    _SWAV,
    source="SwAV (Caron et al. 2020), its code for batches of 256",
    epochs=200,
    batch_size=256,
    lr=0.6,
    lr_final=0.0006,
    warmup_epochs=0,
    warmup_start=0.0,
    freeze_prototypes=5005,
    queue=3840,
    queue_start_epoch=15,
    sync_batchnorm=256,  # code: groups of 8 GPUs, which hold the whole batch
)
_RYALI = "Ryali et al., A.1.1; all else as SwAV"
_SWAV_RM = replace(_SWAV, source=_RYALI, recipe="swav-bg-rm", epochs=100)  # p 0.15, fg_min 0.05
_SWAV_RANDOM = replace(_SWAV, source=_RYALI, recipe="swav-bg-random", epochs=100)  # p 0.05, fg_min 0.05
_SMOKE = smoke(
    "swav",
    # With the paper's epsilon / temperature of 0.05 / 0.1 the crops of so small a network agree too little:
    # equal scores for all prototypes are then stable, and the loss stays at ln K (docs/ssl/swav.md).
    optimizer="larc",
    lr=4.8,
    lr_final=0.0048,
    temperature=0.2,
    epsilon=0.025,
    prototypes=16,
    # No queue: in so short a run its rows are those of another network, and whole batches move to one
    # prototype.
    queue=0,
    queue_start_epoch=0,
    freeze_prototypes=2,
    weight_decay=1e-6,
)
PRESETS: dict[str, Preset] = {
    "imagenet-100": replace(_SWAV, epochs=100),
    "imagenet-800": _SWAV,
    "imagenet-256-200": _SWAV_SMALL,
    "imagenet-256-400": replace(_SWAV_SMALL, epochs=400),
    "bg-rm-100": _SWAV_RM,
    "bg-rm-800": replace(_SWAV_RM, epochs=800),
    "bg-random-100": _SWAV_RANDOM,
    "bg-random-800": replace(_SWAV_RANDOM, epochs=800),
    "bg-random-p20-100": replace(  # table A8: 73.7, where p 0.05 has 73.0
        _SWAV_RANDOM, source="Ryali et al., table A8: the best p; all else as A.1.1", background_p=0.2
    ),
    "smoke": _SMOKE,
}
