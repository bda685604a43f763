"""RELICv2 (Tomasev et al. 2022), listing 1.

for x in loader:                                      # backgrounds removed with p_m in large views
    o_v = q(g(f(x_v))) for all views; t_l = g'(f'(x_l)) for large ones        # length 1
    loss = mean over all pairs (v, l) of
           -log p(x_v; x_l) + beta KL(p(x_v; x_l) || p(x_l; x_v))             # n_e negatives each
    update(f, g, q)
    f', g' = gamma f', g' + (1 - gamma) f, g

Deviations: see `relic_loss` and `negative_rows` for what the paper leaves open. Negatives come from the joint
batch of all ranks. p(x_l; x_v) needs the target network's view of x_v, which small views do not have; the
column of the same matrix of similarities takes its place, for all views alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.batch import Views
from ..distributed.ranks import all_gather, all_gather_with_grad, rank, step_generator
from ..losses import negative_rows, relic_loss
from ..networks.heads import unit
from ..networks.momentum import follow, frozen_copy, rising_momentum
from ..presets import Preset
from .base import Method, Progress, StepOutput, require_views
from .byol import byol_heads


class RELICv2(Method):
    """Contrast with few negatives, and invariance of the likelihoods, over large and small views."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.projector, self.predictor = byol_heads(preset, self.dim)
        self.target = frozen_copy(self.backbone, self.projector)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """Equation 3, divided by the number of pairs as in listing 1."""
        require_views(views, 2, "RELICv2")
        size = max(view.shape[-1] for view in views.views)
        large = [index for index, view in enumerate(views.views) if view.shape[-1] == size]
        online = [all_gather_with_grad(self._predict(view)) for view in views.views]
        with torch.no_grad():
            targets = {index: all_gather(unit(self.target(views.views[index]))) for index in large}
        generator = step_generator(progress.step, stream=3)
        losses = [
            self._pair(o, t, len(views), generator)
            for v, o in enumerate(online)
            for index, t in targets.items()
            if v != index or self.preset.same_view_pairs
        ]
        contrast, divergence = (torch.stack(part).mean() for part in zip(*losses, strict=True))
        loss = self.preset.contrast_weight * contrast + self.preset.invariance_weight * divergence
        return StepOutput(loss, {"contrast": contrast.detach(), "divergence": divergence.detach()})

    def after_step(self, progress: Progress) -> None:
        """The target follows the updated weights."""
        gamma = rising_momentum(self.preset.ema, self.preset.ema_final, progress.step, progress.steps)
        follow(self.target, (self.backbone, self.projector), gamma)

    def _predict(self, x: Tensor) -> Tensor:
        return unit(self.predictor(self.projector(self.backbone(x))))

    def _pair(self, o: Tensor, t: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        negatives = negative_rows(len(o), self.preset.negatives, generator, o.device)
        return relic_loss(o, t, negatives, self.preset.temperature, offset=rank() * size, rows=size)
