"""SwAV (Caron et al. 2020), listing in appendix A, with multi-crop and the queue.

Quoted: "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments"
(https://arxiv.org/abs/2006.09882).

for x in loader:
    normalize(C)                                      # prototypes, before each step
    z_0 .. z_7 = g(f(x_0)), .. g(f(x_7))              # 2 large crops, 6 small ones; length 1
    q_a = sinkhorn([queue_a; z_a] C^T)[-B:]           # codes of the large crops, over all ranks
    loss = mean over a of mean over v != a of -q_a log softmax(z_v C^T / t)
    update(f, g, C); queue_a takes z_a

Deviations: the queue is one for all ranks, of which each works on its share, so that a run resumes on any
number of ranks; the codes are the same. While prototypes are frozen their gradient is zero instead of absent,
which DDP needs; what weight decay does to them is undone by the normalization. The queue is used from when it
is full, at or after its first epoch.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..data.batch import Views
from ..distributed.ranks import all_sum, rank, world
from ..losses import sinkhorn, swav_loss
from ..networks.heads import mlp, unit
from ..networks.momentum import Queue
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views

ASSIGNED = 2
"""Crops that get codes: the first ones, which are large."""


class SwAV(Method):
    """Crops predict each other's cluster."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.head = mlp((self.dim, preset.head_hidden, preset.head_out))
        self.prototypes = nn.Linear(preset.head_out, preset.prototypes, bias=False)
        queues = [Queue(preset.queue, preset.head_out, random=False) for _ in range(ASSIGNED)]
        self.queues = nn.ModuleList(queues if preset.queue else [])

    def before_step(self, progress: Progress) -> None:
        """Prototypes of length 1."""
        with torch.no_grad():
            self.prototypes.weight.copy_(functional.normalize(self.prototypes.weight, dim=1))
        for queue in self._queues():
            queue.forget()

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """The swapped prediction among all crops."""
        check_views(views, "swav")
        z = unit(self.head(self.encode_crops(views.views)))
        scores = (z @ self._weight(progress).T).chunk(len(views.views))
        embeddings = z.chunk(len(views.views))[:ASSIGNED]
        codes = [self._codes(crop, score, progress) for crop, score in enumerate(scores[:ASSIGNED])]
        for queue, embedding in zip(self._queues(), embeddings, strict=False):
            if progress.epoch >= self.preset.queue_start_epoch:
                queue.remember(embedding)
        loss = swav_loss(scores, codes, self.preset.temperature)
        used = all_sum(codes[0].sum(0)).div(codes[0].sum() * world())
        return StepOutput(loss, {"prototype entropy": -(used * used.clamp_min(1e-12).log()).sum()})

    def after_step(self, progress: Progress) -> None:
        """The queues take the step's embeddings."""
        for queue in self._queues():
            queue.flush()

    def _queues(self) -> list[Queue]:
        return [queue for queue in self.queues if isinstance(queue, Queue)]

    def _weight(self, progress: Progress) -> Tensor:
        """(K, d) prototypes, with a gradient of zero for the first steps."""
        weight = self.prototypes.weight.float()
        return weight.detach() + 0 * weight if progress.step < self.preset.freeze_prototypes else weight

    @torch.no_grad()
    def _codes(self, crop: int, scores: Tensor, progress: Progress) -> Tensor:
        """(B, K) codes of an assigned crop, with this rank's share of the queue ahead of it."""
        queues = self._queues()
        if queues and progress.epoch >= self.preset.queue_start_epoch and self._full(queues[crop]):
            share = queues[crop].rows.tensor_split(world())[rank()]
            stacked = torch.cat([share @ self.prototypes.weight.float().T, scores])
        else:
            stacked = scores
        codes = sinkhorn(stacked, self.preset.epsilon, self.preset.sinkhorn_iterations, all_sum)
        return codes[-len(scores) :]

    @staticmethod
    def _full(queue: Queue) -> bool:
        return int(queue.filled) == len(queue.rows)
