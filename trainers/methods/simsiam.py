"""SimSiam (Chen and He 2021), algorithm 1, with multi-crop.

Quoted: "Exploring Simple Siamese Representation Learning" (https://arxiv.org/abs/2011.10566); "Pushing the
limits of self-supervised ResNets: Can we outperform supervised learning without labels on ImageNet?"
(https://arxiv.org/abs/2201.05119).

for x in loader:
    x_1, x_2 = aug(x), aug(x)
    z_1, z_2 = f(x_1), f(x_2)
    p_1, p_2 = h(z_1), h(z_2)
    loss = D(p_1, z_2) / 2 + D(p_2, z_1) / 2        # z detached
    update(f, h)                                     # h with a constant learning rate

With more than two views, the loss is the mean over all pairs (any view, another large one), as RELICv2 pairs
them (its listing 1).

Deviations: none known.
"""

from __future__ import annotations

import torch
from torch import nn

from ..data.batch import Views
from ..losses import negative_cosine
from ..networks.heads import mlp, unit
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views, pairs_with_large


def siamese_heads(preset: Preset, dim: int) -> tuple[nn.Sequential, nn.Sequential]:
    """The projector of three layers and the predictor with a bottleneck (section 3)."""
    hidden, out = preset.head_hidden, preset.head_out
    projector = mlp((dim, hidden, hidden, out), hidden_bias=False, last_bias=False, last_norm=True)
    return projector, mlp((out, preset.predictor_hidden, out), hidden_bias=False)


class SimSiam(Method):
    """Two views predict each other."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.projector, self.predictor = siamese_heads(preset, self.dim)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """The negative cosine, the mean over both directions or all pairs, from -1 to 1."""
        check_views(views, "simsiam")
        z = [self.projector(self.encode(x)) for x in views.views]
        p = [self.predictor(one) for one in z]
        losses = [negative_cosine(p[view], z[other]) for view, other in pairs_with_large(views)]
        # Its value without collapse is 1 / sqrt(D) (section 4.1).
        return StepOutput(torch.stack(losses).mean(), {"spread": unit(z[0]).std(dim=0).mean().detach()})

    def fixed_lr_parameters(self) -> list[nn.Parameter]:
        """The predictor's, where the preset says so."""
        return list(self.predictor.parameters()) if self.preset.fixed_predictor_lr else []
