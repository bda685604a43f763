"""MoCo v2 (He et al. 2020; Chen et al. 2020), with the background augmentations of Ryali et al.

Quoted: "Momentum Contrast for Unsupervised Visual Representation Learning"
(https://arxiv.org/abs/1911.05722); "Improved Baselines with Momentum Contrastive Learning"
(https://arxiv.org/abs/2003.04297); "Leveraging background augmentations to encourage semantic focus in
self-supervised contrastive learning" (https://arxiv.org/abs/2103.12719v1, the version whose sections are
quoted).

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

import torch
from torch import Tensor, nn

from ..data.batch import Views
from ..distributed.ranks import shuffle, unshuffle, world
from ..losses import cross_entropy_at_zero, info_nce_logits
from ..networks.batchnorm_groups import apply_in_groups
from ..networks.heads import mlp, unit
from ..networks.matched_negatives import MatchedNegatives, spread_negatives
from ..networks.momentum import Queue, follow, frozen_copy
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views, pairs_with_large


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
        self._matched = MatchedNegatives(preset)
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

    def keys_and_negatives(
        self, images: Tensor, views: Views, progress: Progress
    ) -> tuple[Tensor, Tensor | None]:
        """The keys (B, d), and n (B, d): row i is the extra negative of query i; None without BG_Swaps.

        Positives and negatives go through the key network together: apart, they would differ by their
        BatchNorm statistics.
        """
        chosen = self._matched.choose(views)
        if chosen is None:
            return self.keys(images, progress), None
        rows, pictures = chosen
        keys = self.keys(torch.cat([images, pictures]), progress)
        k, encoded = keys[: len(images)], keys[len(images) :]
        return k, spread_negatives(k, rows, encoded, progress.step, progress.seed)

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
    """MoCo v2 with an optional matched negative per query, symmetric or on more views if asked."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.moco = MoCo(preset, self.backbone, self.dim)

    def before_step(self, progress: Progress) -> None:
        """The momentum update comes before the keys are made."""
        self.moco.before_step(self.backbone)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """InfoNCE of queries against keys, the queue and the extra negative: the mean over all pairs."""
        check_views(views, "mocov2")
        pairs = self._pairs(views)
        q = {view: self._query(views.views[view]) for view in sorted({query for query, _ in pairs})}
        k, n = self._keys({key for _, key in pairs}, views, progress)
        losses, hits = [], []
        for query, key in pairs:
            extra = n if query == 0 else None  # it stands on the background of view 0
            logits = info_nce_logits(q[query], k[key], self.moco.queue.rows, self.preset.temperature, extra)
            losses.append(cross_entropy_at_zero(logits))
            hits.append((logits.argmax(1) == 0).float().mean())
        for rows in k.values():
            self.moco.queue.remember(rows)
        metrics = {"accuracy": torch.stack(hits).mean(), "positive": (q[0] * k[1]).sum(1).mean().detach()}
        if n is not None:
            metrics["extra negative"] = (q[0] * n).sum(1).mean().detach()
        return StepOutput(torch.stack(losses).mean(), metrics)

    def after_step(self, progress: Progress) -> None:
        """The queue takes the step's keys."""
        self.moco.queue.flush()

    def _pairs(self, views: Views) -> list[tuple[int, int]]:
        """(query, key): view 0 against view 1; all pairs of a view and a large one if there are more."""
        if len(views.views) > 2 or self.preset.symmetric:
            return pairs_with_large(views)
        return [(0, 1)]

    def _query(self, images: Tensor) -> Tensor:
        return unit(self.moco.head(apply_in_groups(self.backbone, images, self.moco.groups)))

    def _keys(
        self, keys: set[int], views: Views, progress: Progress
    ) -> tuple[dict[int, Tensor], Tensor | None]:
        """The keys (B, d) of each view in `keys`, and the extra negatives of view 0."""
        k, n = self.moco.keys_and_negatives(views.views[1], views, progress)
        others = {key: self.moco.keys(views.views[key], progress) for key in sorted(keys - {1})}
        return {1: k, **others}, n
