"""kNN-MoCo (Van Gansbeke et al. 2021), algorithm 2: MoCo with constrained multi-crop, A+ and neighbors.

for x in loader:
    g_m, h_m follow g, h
    anchors_g = g_m(x_1); anchors = h_m(anchors_g)                  # the key view, plainly augmented
    positives_g = g(x_0, x_2 .. x_5); positives = h(positives_g)    # small crops overlap the anchor; A+
    loss = cross_entropy([positives·anchors, positives·queue] / t, 0)
    neighbors = topk(cos(positives_g, queue_g), k)
    loss += lambda * multi_label_cross_entropy(positives·queue / t, neighbors)
    update(g, h); enqueue(queue, anchors); enqueue(queue_g, anchors_g)

Deviations: of the two variants in appendix B and the code, the one that mines first, enqueues after, and
begins with the neighbors after some epochs. The momentum update comes before the step, as in MoCo's code.
"""

from __future__ import annotations

from ..data.batch import Views
from ..losses import cross_entropy_at_zero, info_nce_logits, knn_loss, nearest_in_queue
from ..networks.batchnorm_groups import encode_crops
from ..networks.heads import unit
from ..networks.momentum import Queue
from ..presets import Preset
from .base import Method, Progress, StepOutput, require_views
from .mocov2 import MoCo

ANCHOR = 1
"""The view that the momentum network sees and the queue keeps."""


class KNNMoCo(Method):
    """Positives match their anchor, and its like in the queue."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.moco = MoCo(preset, self.backbone, self.dim)
        self.feature_queue = Queue(preset.queue, self.dim)

    def before_step(self, progress: Progress) -> None:
        """The momentum update comes before the anchors are encoded."""
        self.moco.before_step(self.backbone)
        self.feature_queue.forget()

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """Instance discrimination of all positives, and from the start epoch on their neighbors."""
        require_views(views, 2, "kNN-MoCo")
        preset, queue = self.preset, self.moco.queue.rows
        anchors, anchors_g = self.moco.keys_and_features(views.views[ANCHOR], progress)
        crops = [view for index, view in enumerate(views.views) if index != ANCHOR]
        positives_g = encode_crops(self.backbone, crops, self.moco.groups)
        positives = unit(self.moco.head(positives_g))
        logits = info_nce_logits(positives, anchors.repeat(len(crops), 1), queue, preset.temperature)
        loss = instance = cross_entropy_at_zero(logits)
        metrics = {"instance": instance.detach(), "accuracy": (logits.argmax(1) == 0).float().mean()}
        if progress.epoch >= preset.neighbor_start_epoch:
            nearest = nearest_in_queue(positives_g, self.feature_queue.rows, preset.neighbors)
            neighbors = knn_loss(logits[:, 1:], nearest)
            loss = instance + preset.neighbor_weight * neighbors
            metrics["neighbors"] = neighbors.detach()
        self.moco.queue.remember(anchors)
        self.feature_queue.remember(anchors_g)
        return StepOutput(loss, metrics)

    def after_step(self, progress: Progress) -> None:
        """Both queues take the step's anchors, in the same places."""
        self.moco.queue.flush()
        self.feature_queue.flush()
