"""RELICv2 (Tomasev et al. 2022), listing 1.

Quoted: "Pushing the limits of self-supervised ResNets: Can we outperform supervised learning without labels
on ImageNet?" (https://arxiv.org/abs/2201.05119).

for x in loader:                                      # backgrounds removed with p_m in large views
    o_v = q(g(f(x_v))) for all views; t_l = g'(f'(x_l)) for large ones        # length 1
    loss = mean over all pairs (v, l) of
           -log p(x_v; x_l) + beta KL(p(x_v; x_l) || p(x_l; x_v))             # n_e negatives each
    update(f, g, q)
    f', g' = gamma f', g' + (1 - gamma) f, g

Deviations: see `log_likelihoods` and `draw_members` for what the paper leaves open. Negatives come from the
joint batch of all ranks. p(x_l; x_v) needs the target network's output for x_v, which small views do not
have: there, and with `divergence=column` everywhere, the column of the same matrix of similarities takes its
place. A view paired with itself has a divergence of 0, and no gradient from it: equation 2 as printed would
leave that of p's entropy.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.batch import Views
from ..distributed.ranks import all_gather, all_gather_with_grad, rank, step_generator
from ..losses import divergence, draw_members, log_likelihoods
from ..networks.heads import unit
from ..networks.momentum import follow, frozen_copy, rising_momentum
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views
from .byol import byol_heads


class RELICv2(Method):
    """Contrast with few negatives, and invariance of the likelihoods, over large and small views."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.projector, self.predictor = byol_heads(preset, self.dim)
        self.target = frozen_copy(self.backbone, self.projector)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """Equation 3, divided by the number of pairs as in listing 1."""
        check_views(views, "relicv2")
        size = max(view.shape[-1] for view in views.views)
        large = [index for index, view in enumerate(views.views) if view.shape[-1] == size]
        online = [all_gather_with_grad(self._predict(view)) for view in views.views]
        with torch.no_grad():
            targets = {index: all_gather(unit(self.target(views.views[index]))) for index in large}
        generator = step_generator(progress.step, stream=3, seed=progress.seed)
        rows = range(rank() * len(views), (rank() + 1) * len(views))
        contrasts, divergences = [], []
        for v, o in enumerate(online):
            for index, t in targets.items():
                if v == index and not self.preset.same_view_pairs:
                    continue
                members = draw_members(len(o), self.preset.negatives, generator, rows=rows, device=o.device)
                log_p = log_likelihoods(o, t, members, self.preset.temperature)
                contrasts.append(-log_p[:, 0].mean())
                divergences.append(self._divergence(log_p, (v, index), online, targets, members))
        contrast, apart = torch.stack(contrasts).mean(), torch.stack(divergences).mean()
        loss = self.preset.contrast_weight * contrast + self.preset.invariance_weight * apart
        return StepOutput(loss, {"contrast": contrast.detach(), "divergence": apart.detach()})

    def after_step(self, progress: Progress) -> None:
        """The target follows the updated weights."""
        gamma = rising_momentum(self.preset.ema, self.preset.ema_final, progress.step, progress.steps)
        follow(self.target, (self.backbone, self.projector), gamma)

    def _predict(self, x: Tensor) -> Tensor:
        return unit(self.predictor(self.projector(self.encode(x))))

    def _divergence(
        self,
        log_p: Tensor,
        pair: tuple[int, int],
        online: list[Tensor],
        targets: dict[int, Tensor],
        members: Tensor,
    ) -> Tensor:
        """Of p(x_v; x_l) from p(x_l; x_v), or from what stands for it."""
        v, index = pair
        if self.preset.divergence == "views" and v == index:
            return log_p.new_zeros(())
        if self.preset.divergence == "views" and v in targets:
            swapped = online[index], targets[v]
        else:
            swapped = targets[index], online[v]
        return divergence(log_p, log_likelihoods(*swapped, members, self.preset.temperature))
