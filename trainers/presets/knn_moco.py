"""Settings of kNN-MoCo; "code" is the authors' published code."""

from __future__ import annotations

from dataclasses import replace

from .smoke import smoke
from .spec import Preset

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
    neighbors=20,  # table 8
    neighbor_weight=0.4,  # table 8
    neighbor_start_epoch=5,  # appendix B; the code's script for 200 epochs
)
_AUGMENTED = replace(_KNN, neighbor_weight=0.0)  # 4.2: without neighbors
_CONSTRAINED = replace(_AUGMENTED, recipe="multi-crop-overlap")  # 4.1: without A+ either
PRESETS: dict[str, Preset] = {
    "coco-200": _KNN,
    "coco-800": replace(_KNN, epochs=800, neighbor_start_epoch=20),  # table 9; its script
    "mc-200": replace(_CONSTRAINED, recipe="multi-crop", ema=0.999),  # table 4: MC
    "mc-cc-200": replace(_CONSTRAINED, ema=0.999),  # table 4: MC, CC
    "mc-cc-m-200": _CONSTRAINED,  # table 4: MC, CC, m; tables 7 and 8 begin with it
    "mc-cc-m-a-200": _AUGMENTED,  # table 4: MC, CC, m, A+
    "mc-cc-m-nn-200": replace(_CONSTRAINED, neighbor_weight=0.4),  # table 8: neighbors without A+
    "mc-cc-m-800": replace(_CONSTRAINED, epochs=800),  # table 9: CC
    "mc-cc-m-a-800": replace(_AUGMENTED, epochs=800),  # table 9: CC, A+
    "enqueued-200": replace(_KNN, mine_enqueued=True, neighbor_start_epoch=0.0),  # appendix B
    "smoke": smoke(
        "knn-moco", queue=256, ema=0.99, bn_groups=2, head_hidden=64, neighbors=5, neighbor_start_epoch=1.0
    ),
}
