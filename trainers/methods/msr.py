"""MSR (Bai et al. 2022), algorithm 1, on BYOL or on SimSiam.

Quoted: "MSR: Making Self-supervised learning Robust to Aggressive Augmentations"
(https://arxiv.org/abs/2206.01999v1, the version whose sections are quoted; published as RSA).

for k, x in enumerate(loader):
    v_w, v_w' = weak(x), weak(x)                     # crop and flip
    v_a, v_a' = aggressive(v_w), aggressive(v_w')    # the same crops, then colors and blur
    z, z' = q(g(f(v_a))), q(g(f(v_a')))
    xi, xi' = g_xi(f_xi(v_w)), g_xi(f_xi(v_w'))      # detached
    b = beta (cos(pi k / K) + 1) / 2                 # or beta throughout: table 1, "Fixed"
    loss = (1-b) L(z, xi') + b L(z, z') + (1-b) L(z', xi) + b L(z', z)      # targets detached
    update(f, g, q); f_xi, g_xi follow

On SimSiam there is no second network: f_xi and g_xi are f and g, and L is the negative cosine (appendix B).

Deviations: with masks, backgrounds are replaced in the aggressive views alone. The momentum network follows
at the start of a step, as in the code; the momentum then is that of this step's number.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.batch import Views
from ..losses import msr_beta, msr_loss
from ..networks.heads import unit
from ..networks.momentum import follow, frozen_copy, rising_momentum
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views, require_part
from .byol import byol_heads
from .simsiam import siamese_heads


class MSR(Method):
    """Aggressive views predict weak ones, and each other ever less."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self._siamese = preset.framework == "simsiam"
        heads = siamese_heads if self._siamese else byol_heads
        self.projector, self.predictor = heads(preset, self.dim)
        self.target = None if self._siamese else frozen_copy(self.backbone, self.projector)

    def before_step(self, progress: Progress) -> None:
        """The momentum network follows first."""
        if self.target is not None:
            tau = rising_momentum(self.preset.ema, self.preset.ema_final, progress.step, progress.steps)
            follow(self.target, (self.backbone, self.projector), tau)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """Equation 5 for views 0 and 1 and their weak forms."""
        check_views(views, "msr")
        z, other_z = (self.predictor(self.projector(self.encode(v))) for v in views.views[:2])
        weak = [require_part(views.weak, index, "weak view") for index in (0, 1)]
        xi, other_xi = self._targets(weak[0]), self._targets(weak[1])
        base, falls = self.preset.msr_beta, self.preset.msr_schedule == "cosine"
        beta = msr_beta(base, progress.step, progress.steps) if falls else base
        loss = msr_loss((z, other_z), (xi, other_xi), beta, cosine=self._siamese)
        metrics = {"spread": unit(xi).std(dim=0).mean(), "beta": loss.new_tensor(beta).detach()}
        return StepOutput(loss, metrics)

    @torch.no_grad()
    def _targets(self, weak: Tensor) -> Tensor:
        if self.target is None:
            made: Tensor = self.projector(self.encode(weak))
        else:
            made = self.target(weak)
        return made
