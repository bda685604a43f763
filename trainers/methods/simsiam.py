"""SimSiam (Chen and He 2021), algorithm 1.

for x in loader:
    x_1, x_2 = aug(x), aug(x)
    z_1, z_2 = f(x_1), f(x_2)
    p_1, p_2 = h(z_1), h(z_2)
    loss = D(p_1, z_2) / 2 + D(p_2, z_1) / 2        # z detached
    update(f, h)                                     # h with a constant learning rate

Deviations: none known.
"""

from __future__ import annotations

from torch import nn

from ..data.batch import Views
from ..losses import negative_cosine
from ..networks.heads import mlp, unit
from ..presets import Preset
from .base import Method, Progress, StepOutput, require_views


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
        """The symmetrized negative cosine of views 0 and 1, from -1 to 1."""
        require_views(views, 2, "SimSiam")
        z_1, z_2 = (self.projector(self.backbone(x)) for x in views.views[:2])
        p_1, p_2 = self.predictor(z_1), self.predictor(z_2)
        loss = negative_cosine(p_1, z_2) / 2 + negative_cosine(p_2, z_1) / 2
        # Its value without collapse is 1 / sqrt(D) (section 4.1).
        return StepOutput(loss, {"spread": unit(z_1).std(dim=0).mean().detach()})

    def fixed_lr_parameters(self) -> list[nn.Parameter]:
        """The predictor's, where the preset says so."""
        return list(self.predictor.parameters()) if self.preset.fixed_predictor_lr else []
