"""Settings of CAST; "code" is the authors' published code.

No preset has the color jitter of the code: that turns the hue by up to 102 of 180 either way and adds 153 to
357 of 255 to the saturation, so that nearly every color is full. Ours takes its settings (0.4 for all four)
as torchvision reads them.
"""

from __future__ import annotations

from dataclasses import replace

from .smoke import smoke
from .spec import Preset

_CAST = Preset(
    method="cast",
    source="CAST (Selvaraju et al. 2021), sections 3 and 4, and its code",
    recipe="cast",  # phi 0.2 (table 2a), masks 7 x 7
    epochs=200,  # code
    batch_size=256,  # code
    optimizer="sgd",
    lr=0.5,  # code: with its normalized loss
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
    normalize_weights=True,  # code: (L_c + 3 L_a) / 4
    attention_map="relu",  # eq. 2; the code's ReLU has no effect: minmax
    attention_over="image",  # eq. 4; the code: batch
)
PRESETS: dict[str, Preset] = {
    "coco-200": _CAST,
    "coco-mlp-200": replace(_CAST, head="mlp"),  # table 2c
    "phi0-200": replace(_CAST, fg_min=0.0),  # table 2a: MoCo's crops
    "intersection-200": replace(_CAST, recipe="cast-intersection"),  # table 2d
    "uniform-200": replace(  # a control of what the paper does not say
        _CAST, source="CAST, but for the centers of its crops, which are uniform", recipe="cast-uniform"
    ),
    "coco-code-200": replace(
        _CAST,
        source="CAST (Selvaraju et al. 2021), its code as it was run, but for the color jitter",
        attention_map="minmax",
        attention_over="batch",
        ema=0.998,
    ),
    "smoke": smoke("cast", queue=256, ema=0.99, bn_groups=2, head="linear", clip_norm=2.0, view_px=56),
}
