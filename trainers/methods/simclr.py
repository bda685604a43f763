"""SimCLR (Chen et al. 2020), algorithm 1, with multi-crop and BG_Swaps.

Quoted: "A Simple Framework for Contrastive Learning of Visual Representations"
(https://arxiv.org/abs/2002.05709); "Pushing the limits of self-supervised ResNets: Can we outperform
supervised learning without labels on ImageNet?" (https://arxiv.org/abs/2201.05119); "Leveraging background
augmentations to encourage semantic focus in self-supervised contrastive learning"
(https://arxiv.org/abs/2103.12719v1, the version whose sections are quoted).

for x in loader:
    z_1, z_2 = g(f(aug(x))), g(f(aug(x)))
    loss = mean over all 2N anchors of NT-Xent against the other 2N - 1
    update(f, g)

With more than two views, the loss is the mean over all pairs (any view, another large one) of the first one's
anchors against both views of all photos (RELICv2, appendix G.6, trains SimCLR on 4 large views and 2 small
ones; the pairs are RELICv2's own). With BG_Swaps (Ryali et al. 2021, section 3.3, say that SimCLR could have
it, and try MoCo v2 alone) the anchors of view 0 have one more negative.

Deviations: none known. All views of one size, and the extra negatives, go through f together, as in the code,
so that they share BatchNorm statistics; the head, which sees all sizes at once, is two layers with BatchNorm,
as in the code of the paper's version 1.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..data.batch import Views
from ..distributed.ranks import all_gather_with_grad, rank
from ..losses import nt_xent_one_way
from ..losses.contrastive import own_products
from ..networks.heads import mlp, unit
from ..networks.matched_negatives import MatchedNegatives
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views, pairs_with_large


class SimCLR(Method):
    """Contrast within the joint batch of all ranks."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        sizes = (self.dim, preset.head_hidden, preset.head_out)
        self.head = mlp(sizes, hidden_bias=False, last_bias=False, last_norm=True)
        self._matched = MatchedNegatives(preset)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """NT-Xent, the mean over all pairs of views."""
        check_views(views, "simclr")
        z, n = self._embed(views, progress)
        everything = [all_gather_with_grad(one) for one in z]
        losses = [
            nt_xent_one_way(
                z[anchor],
                z[positive],
                self.preset.temperature,
                (everything[anchor], everything[positive]),
                offset=rank() * len(z[anchor]),
                extra=n if anchor == 0 else None,  # it stands on the background of view 0
            )
            for anchor, positive in pairs_with_large(views)
        ]
        metrics = {"positive": (z[0] * z[1]).sum(1).mean().detach()}
        if n is not None:
            metrics["extra negative"] = own_products(z[0], n).mean().detach()
        return StepOutput(torch.stack(losses).mean(), metrics)

    def _embed(self, views: Views, progress: Progress) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """The embeddings (B, d) of each view, and the extra negatives of each anchor of view 0."""
        chosen, count = self._matched.choose(views), len(views.views)
        if chosen is None:
            return unit(self.head(self.encode_crops(views.views))).chunk(count), None
        rows, pictures = chosen
        made = unit(self.head(self.encode_crops((pictures, *views.views))))
        z = made[len(rows) :].chunk(count)
        return z, self._matched.spread(z[1], rows, made[: len(rows)], progress.step, progress.seed)
