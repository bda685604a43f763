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
        logits = cat(q·k, q·queue, q·n) / t                     # BG_Swaps: n_i, one or more, are of q_i alone
        loss = cross_entropy(logits, 0)
        update(f_q); enqueue(queue, k)

`enqueue` says what the queue takes beside that: the keys on their own backgrounds in the place of replaced
ones, or also the extra negatives; both go through the key network together with the keys.

Deviations: the shuffle follows from seed and step number, not from a random state; the queue takes any number
of keys, so that its size need not be a multiple of the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from ..data.batch import Views
from ..distributed.ranks import shuffle, unshuffle, world
from ..losses import cross_entropy_at_zero, info_nce_logits
from ..losses.contrastive import own_products
from ..networks.batchnorm_groups import apply_in_groups
from ..networks.heads import mlp, unit
from ..networks.matched_negatives import MatchedNegatives, first_rows, room
from ..networks.momentum import Queue, follow, frozen_copy
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views, pairs_with_large, require_part


class Keys(NamedTuple):
    """What the key network makes of one view.

    Args:
        k: (B, d), length 1.
        n: (B, d), or (B, n, d): row i holds the extra negatives of query i; None without BG_Swaps.
        enqueued: (E, d), what the queue takes of it.
    """

    k: Tensor
    n: Tensor | None
    enqueued: Tensor


class MoCo(nn.Module):
    """What MoCo v2, CAST and kNN-MoCo share: the head, the key network, the queue.

    Args:
        preset: the settings.
        encoder: the query's backbone, (B, 3, S, S) to (B, dim).
        dim: of its features.
        enqueue: what the queue takes, see `Preset`.
    """

    def __init__(self, preset: Preset, encoder: nn.Module, dim: int, *, enqueue: str = "keys") -> None:
        super().__init__()
        linear = preset.head == "linear"
        sizes = (dim, preset.head_out) if linear else (dim, preset.head_hidden, preset.head_out)
        self.head = mlp(sizes, norm=False)
        self.key = frozen_copy(encoder, self.head)
        self.queue = Queue(preset.queue, preset.head_out)
        self._matched = MatchedNegatives(preset)
        self._enqueue = enqueue
        self._replaced = [view.background.p for view in preset.views.views]
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

    def encode(self, key: int, views: Views, progress: Progress, *, negatives: bool = True) -> Keys:
        """The keys of view number `key`, the extra negatives of view 0 if asked for, and what to enqueue.

        All go through the key network together: apart, they would differ by their BatchNorm statistics.
        """
        images = views.views[key]
        chosen = self._matched.choose(views) if negatives else None
        own = self._on_own_backgrounds(key, views)
        parts = [images, *(part[1] for part in (chosen, own) if part is not None)]
        if len(parts) == 1:
            k = self.keys(images, progress)
            return Keys(k, None, k)
        made = list(torch.split(self.keys(torch.cat(parts), progress), [len(part) for part in parts]))
        k = enqueued = made.pop(0)
        n = None
        if chosen is not None:
            encoded = made.pop(0)
            n = self._matched.spread(k, chosen[0], encoded, progress.step, progress.seed)
            enqueued = torch.cat([k, encoded]) if self._enqueue == "negatives" else k
        if own is not None:
            enqueued = k.index_copy(0, own[0], made.pop(0))
        return Keys(k, n, enqueued)

    def _on_own_backgrounds(self, key: int, views: Views) -> tuple[Tensor, Tensor] | None:
        """The rows of a key view whose backgrounds were replaced, and these views on their own."""
        if self._enqueue != "own" or not self._replaced[key] or views.replaced is None:
            return None
        rows = first_rows(views.replaced[:, key] > 0, room(self._replaced[key], len(views)))
        return rows, require_part(views.kept, key, "form on its own background")[rows]

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
    """MoCo v2 with optional matched negatives per query, symmetric or on more views if asked."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__(preset, classes=classes)
        self.moco = MoCo(preset, self.backbone, self.dim, enqueue=preset.enqueue)

    def before_step(self, progress: Progress) -> None:
        """The momentum update comes before the keys are made."""
        self.moco.before_step(self.backbone)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """InfoNCE of queries against keys, the queue and the extra negative: the mean over all pairs."""
        check_views(views, "mocov2")
        pairs = self._pairs(views)
        q = {view: self._query(views.views[view]) for view in sorted({query for query, _ in pairs})}
        keys = {
            key: self.moco.encode(key, views, progress, negatives=key == 1)
            for key in sorted({key for _, key in pairs}, key=lambda key: (key != 1, key))
        }
        n = keys[1].n
        losses, hits = [], []
        for query, key in pairs:
            extra = n if query == 0 else None  # it stands on the background of view 0
            logits = info_nce_logits(
                q[query], keys[key].k, self.moco.queue.rows, self.preset.temperature, extra
            )
            losses.append(cross_entropy_at_zero(logits))
            hits.append((logits.argmax(1) == 0).float().mean())
        for made in keys.values():
            self.moco.queue.remember(made.enqueued)
        positive = (q[0] * keys[1].k).sum(1).mean().detach()
        metrics = {"accuracy": torch.stack(hits).mean(), "positive": positive}
        if n is not None:
            metrics["extra negative"] = own_products(q[0], n).mean().detach()
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
        return unit(self.moco.head(self.encode(images, self.moco.groups)))
