"""SimCLR (Chen et al. 2020), algorithm 1.

for x in loader:
    z_1, z_2 = g(f(aug(x))), g(f(aug(x)))
    loss = mean over all 2N anchors of NT-Xent against the other 2N - 1
    update(f, g)

Deviations: none known. Both views go through f together, as in the code, so that they share BatchNorm
statistics; the head is two layers with BatchNorm, as in the code of the paper's version 1.
"""

from __future__ import annotations

import torch

from ..data.batch import Views
from ..distributed.ranks import all_gather_with_grad, rank
from ..losses import nt_xent
from ..networks.heads import mlp, unit
from ..presets import Preset
from .base import Method, Progress, StepOutput, require_views


class SimCLR(Method):
    """Contrast within the joint batch of all ranks."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        sizes = (self.dim, preset.head_hidden, preset.head_out)
        self.head = mlp(sizes, hidden_bias=False, last_bias=False, last_norm=True)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """NT-Xent of views 0 and 1."""
        require_views(views, 2, "SimCLR")
        z = unit(self.head(self.backbone(torch.cat(views.views[:2]))))
        z_1, z_2 = z.chunk(2)
        everything = (all_gather_with_grad(z_1), all_gather_with_grad(z_2))
        loss = nt_xent(z_1, z_2, self.preset.temperature, everything, offset=rank() * len(z_1))
        return StepOutput(loss, {"positive": (z_1 * z_2).sum(1).mean().detach()})
