"""MoCo v2 (He et al. 2020; Chen et al. 2020), with the background augmentations of Ryali et al.

    for x in loader:                     # BG_RM and BG_Random are in the views
        x_q, x_k, x_n = aug(x), aug(x), matched_negative(x)
        f_k.params = m * f_k.params + (1 - m) * f_q.params
        q, [k, n] = f_q(x_q), f_k(cat(x_k, x_n)).detach()      # keys in shuffled BatchNorm groups
        logits = cat(q·k, q·queue, q·n) / t                     # BG_Swaps: n_i is a negative of q_i alone
        loss = cross_entropy(logits, 0)
        update(f_q); enqueue(queue, k)

Deviations: the shuffle follows from seed and step number, not from a random state; the queue takes any number
of keys, so that its size need not be a multiple of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, sqrt

import torch
from torch import Tensor, nn

from ..data.batch import Views
from ..distributed.ranks import shuffle, step_generator, unshuffle, world
from ..losses import cross_entropy_at_zero, info_nce_logits
from ..networks.batchnorm_groups import apply_in_groups
from ..networks.heads import mlp, unit
from ..networks.momentum import Queue, follow, frozen_copy
from ..presets import Preset
from .base import Method, Progress, StepOutput, require_views

MATCHED_ROOM = 4.0
"""Standard deviations of the number of matched negatives for which the key forward has room."""


class MoCo(nn.Module):
    """What MoCo v2, CAST and kNN-MoCo share: the head, the key network, the queue.

    Args:
        preset: the settings.
        encoder: the query's backbone, (B, 3, S, S) to (B, dim).
        dim: of its features.
    """

    def __init__(self, preset: Preset, encoder: nn.Module, dim: int) -> None:
        super().__init__()
        linear = preset.head == "linear"
        sizes = (dim, preset.head_out) if linear else (dim, preset.head_hidden, preset.head_out)
        self.head = mlp(sizes, norm=False)
        self.key = frozen_copy(encoder, self.head)
        self.queue = Queue(preset.queue, preset.head_out)
        self._groups, self._momentum, self._out = preset.bn_groups, preset.ema, preset.head_out

    def before_step(self, encoder: nn.Module) -> None:
        """Let the key network follow; forget keys of a step that was given up."""
        self.queue.forget()
        follow(self.key, (encoder, self.head), self._momentum)

    @property
    def groups(self) -> int:
        """BatchNorm groups of this rank."""
        return max(1, self._groups // world())

    def keys(self, images: Tensor, progress: Progress) -> Tensor:
        """(B, 3, S, S) to keys (B, d) of length 1, by one shuffled forward of all images."""
        return self._forward_shuffled(lambda part: unit(self.key(part)), images, progress)

    def keys_and_features(self, images: Tensor, progress: Progress) -> tuple[Tensor, Tensor]:
        """The same, and the features (B, dim) before the head, also of length 1."""

        def both(part: Tensor) -> Tensor:
            features = self.key[0](part)
            return torch.cat([unit(self.key[1](features)), unit(features)], dim=1)

        made = self._forward_shuffled(both, images, progress)
        return made[:, : self._out], made[:, self._out :]

    @torch.no_grad()
    def _forward_shuffled(
        self, network: Callable[[Tensor], Tensor], images: Tensor, progress: Progress
    ) -> Tensor:
        if world() == 1 and self.groups == 1:  # one group: its order is nothing to BatchNorm
            return network(images)
        dealt = shuffle(images, progress.step, progress.seed)
        return unshuffle(apply_in_groups(network, dealt, self.groups), progress.step, progress.seed)


class MoCoV2(Method):
    """MoCo v2 with an optional matched negative per query."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.moco = MoCo(preset, self.backbone, self.dim)
        negative = preset.views.negative
        self._p = 0.0 if negative is None else negative.p

    def before_step(self, progress: Progress) -> None:
        """The momentum update comes before the keys are made."""
        self.moco.before_step(self.backbone)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """InfoNCE of view 0 (query) against view 1 (key), the queue and the extra negative."""
        require_views(views, 2, "MoCo v2")
        x_q, x_k = views.views[:2]
        q = unit(self.moco.head(apply_in_groups(self.backbone, x_q, self.moco.groups)))
        k, n = self._keys(x_k, views, progress)
        logits = info_nce_logits(q, k, self.moco.queue.rows, self.preset.temperature, n)
        self.moco.queue.remember(k)
        hits = (logits.argmax(1) == 0).float().mean()
        metrics = {"accuracy": hits, "positive": (q * k).sum(1).mean().detach()}
        if n is not None:
            metrics["extra negative"] = (q * n).sum(1).mean().detach()
        return StepOutput(cross_entropy_at_zero(logits), metrics)

    def after_step(self, progress: Progress) -> None:
        """The queue takes the step's keys."""
        self.moco.queue.flush()

    def _keys(self, x_k: Tensor, views: Views, progress: Progress) -> tuple[Tensor, Tensor | None]:
        """The keys (B, d), and n (B, d): row i is the extra negative of query i; None without BG_Swaps.

        Positives and negatives go through the key network together: apart, they would differ by their
        BatchNorm statistics. Only some p·B rows have a matched negative, so only that many places are
        encoded; the other rows take another image's key, which keeps |Q| + 1 negatives for all (Ryali et al.,
        3.3).
        """
        if views.negative is None or views.matched is None:
            return self.moco.keys(x_k, progress), None
        size = len(x_k)
        chosen = views.matched.int().argsort(descending=True, stable=True)[: self._room(size)]
        keys = self.moco.keys(torch.cat([x_k, views.negative[chosen]]), progress)
        k, encoded = keys[:size], keys[size:]
        generator = step_generator(progress.step, stream=2, seed=progress.seed)
        places = int(torch.randint(1, max(size, 2), (), generator=generator))
        return k, k.roll(places, dims=0).index_copy(0, chosen, encoded)

    def _room(self, size: int) -> int:
        """Places for matched negatives in a batch of a fixed shape.

        More than this are matched once in 30,000 batches.
        """
        return min(size, ceil(self._p * size + MATCHED_ROOM * sqrt(self._p * (1 - self._p) * size)))
