"""kNN-MoCo (Van Gansbeke et al. 2021), algorithm 2: MoCo with constrained multi-crop, A+ and neighbors.

Quoted: "Revisiting Contrastive Methods for Unsupervised Learning of Visual Representations"
(https://arxiv.org/abs/2106.05967); "Leveraging background augmentations to encourage semantic focus in
self-supervised contrastive learning" (https://arxiv.org/abs/2103.12719v1, the version whose sections are
quoted).

for x in loader:
    g_m, h_m follow g, h
    anchors_g = g_m(x_1); anchors = h_m(anchors_g)                  # the key view, plainly augmented
    positives_g = g(x_0, x_2 .. x_5); positives = h(positives_g)    # small crops overlap the anchor; A+
    loss = cross_entropy([positives·anchors, positives·queue] / t, 0)
    neighbors = topk(cos(positives_g, queue_g), k)
    loss += lambda * multi_label_cross_entropy(positives·queue / t, neighbors)
    update(g, h); enqueue(queue, anchors); enqueue(queue_g, anchors_g)

With BG_Swaps (Ryali et al. 2021, section 3.3, have it on MoCo v2) view 0, on whose background it stands, has
one more negative; the other positives and the neighbors' loss do not see it.

Of the two variants in appendix B and the code, the default mines first, enqueues after, and begins with the
neighbors after some epochs; `mine_enqueued` mines among the step's own anchors too, so that a neighbor among
these stands for a logit of the row that its anchor takes the place of. `neighbor_features` mines after the
head (section 4.3: worse). With `neighbor_weight` 0 nothing is mined: sections 4.1 and 4.2.

Deviation: the momentum update comes before the step, as in MoCo's code.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from ..data.batch import Views
from ..losses import cross_entropy_at_zero, info_nce_logits, knn_loss, nearest_in_queue
from ..losses.contrastive import own_products
from ..networks.heads import unit
from ..networks.matched_negatives import MatchedNegatives
from ..networks.momentum import Queue
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views
from .mocov2 import MoCo

ANCHOR = 1
"""The view that the momentum network sees and the queue keeps."""


class KNNMoCo(Method):
    """Positives match their anchor, and its like in the queue."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.moco = MoCo(preset, self.backbone, self.dim)
        mined = preset.neighbor_weight and preset.neighbor_features == "backbone"
        self.feature_queue = Queue(preset.queue, self.dim) if mined else None
        self._matched = MatchedNegatives(preset)

    def before_step(self, progress: Progress) -> None:
        """The momentum update comes before the anchors are encoded."""
        self.moco.before_step(self.backbone)
        if self.feature_queue is not None:
            self.feature_queue.forget()

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """Instance discrimination of all positives, and from the start epoch on their neighbors."""
        check_views(views, "knn-moco")
        preset, queue = self.preset, self.moco.queue.rows
        anchors, anchors_g, n = self._keys(views, progress)
        crops = [view for index, view in enumerate(views.views) if index != ANCHOR]
        positives_g = self.encode_crops(crops, self.moco.groups)
        positives = unit(self.moco.head(positives_g))
        logits = info_nce_logits(positives, anchors.repeat(len(crops), 1), queue, preset.temperature)
        told_apart = logits if n is None else self._with_extra(logits, positives, n)
        loss = instance = cross_entropy_at_zero(told_apart)
        metrics = {"instance": instance.detach(), "accuracy": (told_apart.argmax(1) == 0).float().mean()}
        self.moco.queue.remember(anchors)
        if self.feature_queue is not None:
            self.feature_queue.remember(anchors_g)
        if preset.neighbor_weight and progress.epoch >= preset.neighbor_start_epoch:
            neighbors = knn_loss(logits[:, 1:], self._nearest(positives_g, positives))
            loss = instance + preset.neighbor_weight * neighbors
            metrics["neighbors"] = neighbors.detach()
        return StepOutput(loss, metrics)

    def _nearest(self, positives_g: Tensor, positives: Tensor) -> Tensor:
        """(P, k) places in the queues of each positive's neighbors."""
        queue, found = self.feature_queue, positives_g
        if queue is None:
            queue, found = self.moco.queue, positives
        rows = queue.upcoming() if self.preset.mine_enqueued else queue.rows
        return nearest_in_queue(found, rows, self.preset.neighbors)

    def _keys(self, views: Views, progress: Progress) -> tuple[Tensor, Tensor, Tensor | None]:
        """The anchors (B, d), their features (B, dim), and the extra negatives of view 0."""
        x, chosen = views.views[ANCHOR], self._matched.choose(views)
        if chosen is None:
            return (*self.moco.keys_and_features(x, progress), None)
        rows, pictures = chosen
        keys, features = self.moco.keys_and_features(torch.cat([x, pictures]), progress)
        anchors, encoded = keys[: len(x)], keys[len(x) :]
        return (
            anchors,
            features[: len(x)],
            self._matched.spread(anchors, rows, encoded, progress.step, progress.seed),
        )

    def _with_extra(self, logits: Tensor, positives: Tensor, n: Tensor) -> Tensor:
        """(P, 1 + K) logits and more columns: the extra negatives, which the other positives do not have."""
        own = own_products(positives[: len(n)], n) / self.preset.temperature
        columns = functional.pad(own, (0, 0, 0, len(logits) - len(n)), value=-torch.inf)
        return torch.cat([logits, columns], dim=1)

    def after_step(self, progress: Progress) -> None:
        """Both queues take the step's anchors, in the same places."""
        self.moco.queue.flush()
        if self.feature_queue is not None:
            self.feature_queue.flush()
