"""CAST (Selvaraju et al. 2021), section 3, on MoCo.

Quoted: "CASTing Your Model: Learning to Localize Improves Self-Supervised Representations"
(https://arxiv.org/abs/2012.04630).

for x in loader:                                      # both crops hold a share phi of the saliency
    f_k.params = m * f_k.params + (1 - m) * f_q.params
    A = conv5(x_q); q = head(pool(A))
    k, k_m = f_k(x_k).detach(), f_k(x_k * M_k).detach()    # each in shuffled BatchNorm groups of its own
    alpha = mean over places of d(q·k_m) / dA; G = ReLU(sum_n alpha_n A_n)
    loss = (info_nce(q, k, queue) + lambda (1 - cos(G, M_q))) / (1 + lambda)
    update(f_q); enqueue(queue, k)

Deviations: one query forward and one momentum update per step; the code does both twice, with m = 0.999,
which is once with 0.998. Images without foreground have an attention weight of 0 instead of being exchanged
for others. The division by 1 + lambda is the code's; `normalize_weights` turns it off. `attention_map` and
`attention_over` choose between the paper's equations and the code.
"""

from __future__ import annotations

from functools import partial

from torch import Tensor
from torch.nn import functional

from ..data.batch import Views
from ..losses import attention_loss, cross_entropy_at_zero, grad_cam, info_nce_logits, rectify, stretch
from ..networks.backbones import feature_maps, pool
from ..networks.batchnorm_groups import apply_in_groups
from ..networks.heads import unit
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views, require_part
from .mocov2 import MoCo


class CAST(Method):
    """MoCo that must look at the salient region to match the salient part of the key."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.moco = MoCo(preset, self.backbone, self.dim)

    def before_step(self, progress: Progress) -> None:
        """The momentum update comes before the keys are made."""
        self.moco.before_step(self.backbone)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """The contrastive and the attention loss of view 0 (query) and view 1 (key)."""
        check_views(views, "cast")
        preset, x_q = self.preset, views.views[0]
        maps = apply_in_groups(self._maps, x_q, self.passes.groups(self.moco.groups))
        q = unit(self.moco.head(pool(maps)))
        k, n, _ = self.moco.encode(1, views, progress)
        logits = info_nce_logits(q, k, self.moco.queue.rows, preset.temperature, n)
        contrast = cross_entropy_at_zero(logits)
        self.moco.queue.remember(k)
        metrics = {
            "contrast": contrast.detach(),
            "accuracy": (logits.argmax(1) == 0).float().mean(),
        }
        weight = preset.attention_weight
        if weight == 0:
            return StepOutput(contrast, metrics)
        k_m = self.moco.keys(require_part(views.masked, 1, "masked form"), progress)
        attention = self._attention(grad_cam((q * k_m).sum(), maps), views)
        loss = contrast + weight * attention
        metrics["attention"] = attention.detach()
        return StepOutput(loss / (1 + weight) if preset.normalize_weights else loss, metrics)

    def after_step(self, progress: Progress) -> None:
        """The queue takes the step's keys, not those of masked images."""
        self.moco.queue.flush()

    def _maps(self, images: Tensor) -> Tensor:
        return self.passes.run(self.backbone, partial(feature_maps, self.backbone), images)

    def _attention(self, cam: Tensor, views: Views) -> Tensor:
        shown = stretch(cam) if self.preset.attention_map == "minmax" else rectify(cam)
        mask = require_part(views.cam_masks, 0, "mask for Grad-CAM")
        if mask.shape != cam.shape:  # shares of coarser cells
            mask = functional.adaptive_avg_pool2d(mask[:, None], (cam.shape[1], cam.shape[2]))[:, 0]
        return attention_loss(shown, mask, whole_batch=self.preset.attention_over == "batch")
