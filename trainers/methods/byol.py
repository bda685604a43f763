"""BYOL (Grill et al. 2020), algorithm 1, with multi-crop.

Quoted: "Bootstrap Your Own Latent: A New Approach to Self-Supervised Learning"
(https://arxiv.org/abs/2006.07733); "Pushing the limits of self-supervised ResNets: Can we outperform
supervised learning without labels on ImageNet?" (https://arxiv.org/abs/2201.05119).

for x in loader:
    x_1, x_2 = aug_1(x), aug_2(x)
    p_1, p_2 = q(g(f(x_1))), q(g(f(x_2)))
    z_1, z_2 = g'(f'(x_1)), g'(f'(x_2))              # detached
    loss = |p_1 - z_2|^2 + |p_2 - z_1|^2             # of vectors of length 1
    update(f, g, q)
    f', g' = tau f', g' + (1 - tau) f, g             # tau rises from 0.996 to 1

With more than two views, the loss is twice the mean over all pairs (any view, another large one), as RELICv2
pairs them (its listing 1); small views have no target.

Deviations: the target begins as a copy; the code gives it weights of its own. It runs its BatchNorm on the
batch, as the code does.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..data.batch import Views
from ..losses import byol_loss
from ..networks.heads import mlp, unit
from ..networks.momentum import follow, frozen_copy, rising_momentum
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views, large_views, pairs_with_large


def byol_heads(preset: Preset, dim: int) -> tuple[nn.Sequential, nn.Sequential]:
    """Projector g and predictor q: linear, BatchNorm, ReLU, linear without a bias (section 3.3, code)."""
    projector = mlp((dim, preset.head_hidden, preset.head_out), last_bias=False)
    predictor = mlp((preset.head_out, preset.predictor_hidden, preset.head_out), last_bias=False)
    return projector, predictor


class BYOL(Method):
    """The online network predicts what the target network says of the other view."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.projector, self.predictor = byol_heads(preset, self.dim)
        self.target = frozen_copy(self.backbone, self.projector)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """The sum of both directions, 0 to 8; of more views, twice the mean over their pairs."""
        check_views(views, "byol")
        p, large = [self._predict(x) for x in views.views], large_views(views)
        with torch.no_grad():
            z = {view: self.target(views.views[view]) for view in large}
        losses = [byol_loss(p[view], z[other]) for view, other in pairs_with_large(views)]
        loss = 2 * torch.stack(losses).mean()
        return StepOutput(loss, {"spread": unit(z[large[0]]).std(dim=0).mean()})

    def after_step(self, progress: Progress) -> None:
        """The target follows the updated weights."""
        tau = rising_momentum(self.preset.ema, self.preset.ema_final, progress.step, progress.steps)
        follow(self.target, (self.backbone, self.projector), tau)

    def _predict(self, x: Tensor) -> Tensor:
        prediction: Tensor = self.predictor(self.projector(self.encode(x)))
        return prediction
