"""What every method is: networks and buffers with a forward pass that gives one loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor, nn

from maskgen.errors import UsageError

from ..data.batch import Views
from ..networks.backbones import build_backbone
from ..networks.batchnorm_groups import apply_in_groups, encode_crops
from ..networks.recompute import Passes
from ..presets import Preset
from ..registry import TRAINER_METHODS


@dataclass(frozen=True)
class Progress:
    """Where training stands.

    Args:
        step: optimizer steps done, from 0.
        steps: of the whole run.
        epoch: epochs done, with the fraction of the current one.
        seed: of the run; what a method draws within a step follows from both.
    """

    step: int
    steps: int
    epoch: float
    seed: int = 0


@dataclass
class StepOutput:
    """A step's loss, and detached scalars to log."""

    loss: Tensor
    metrics: dict[str, Tensor] = field(default_factory=dict)


class Method(nn.Module):
    """One self-supervised method. A step is before_step, forward, backward, the optimizer, after_step.

    Networks, queues and counters are parameters and persistent buffers: `state_dict` is complete between
    steps. `forward` holds all that needs gradients, so that DDP can wrap it. DDP need not send buffers before
    each forward (``forward_sync_buffers=False``, before torch 2.15 ``broadcast_buffers=False``): the queues
    are the same on every rank anyhow. What is random within a step follows from its number and
    the run's seed.

    Args:
        preset: the settings.
        classes: of the labels; only the supervised control needs them.
    """

    backbone: nn.Module
    """The online encoder, (B, 3, S, S) to (B, D)."""
    passes: Passes
    """What of the online encoder's passes is kept for the backward pass."""

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        super().__init__()
        self.preset = preset
        self.classes = classes
        self.passes = Passes()
        self.backbone, self.dim = build_backbone(
            preset.backbone, zero_init_residual=preset.zero_init_residual
        )

    def begin_with(self, weights: dict[str, Tensor]) -> None:
        """Put a backbone's weights in the place of the random ones, also into networks that follow it.

        Args:
            weights: the state of a backbone of the preset's name.
        """
        for network in self.modules():
            if type(network) is type(self.backbone) and network.state_dict().keys() == weights.keys():
                network.load_state_dict(weights)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """The loss of one batch, or of this rank's part of it.

        Raises:
            NotImplementedError: the method has none of its own.
        """
        raise NotImplementedError

    def before_step(self, progress: Progress) -> None:
        """What happens before the forward pass, without gradients."""

    def after_step(self, progress: Progress) -> None:
        """What happens after the optimizer's step, without gradients.

        Not called for a step that was given up.
        """

    def encode(self, images: Tensor, groups: int = 1) -> Tensor:
        """(B, 3, S, S) to the backbone's (B, D) in training, by `passes`.

        Args:
            images: normalized.
            groups: of BatchNorm, of this rank's batch.
        """
        return apply_in_groups(self._pass, images, self.passes.groups(groups))

    def encode_crops(self, crops: Sequence[Tensor], groups: int = 1) -> Tensor:
        """V times (B, 3, S, S) to (V·B, D) in training, crops of one size together: see `encode_crops`."""
        return encode_crops(self._pass, crops, self.passes.groups(groups))

    def _pass(self, images: Tensor) -> Tensor:
        return self.passes.run(self.backbone, self.backbone, images)

    def features(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) normalized images to the backbone's (B, D), which evaluation uses."""
        features: Tensor = self.backbone(images)
        return features

    def parameter_groups(self, preset: Preset) -> list[dict[str, Any]]:
        """Parameter groups for the optimizer.

        Each is ``params``, ``name``, ``weight_decay``, ``adapt`` (whether LARS or LARC scales it) and
        ``fixed_lr`` (whether its learning rate stays at the peak). With ``exclude_1d``, biases and norms have
        neither decay nor scaling. Every trained parameter is in exactly one group.
        """
        kept = {id(parameter) for parameter in self.fixed_lr_parameters()}
        groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
        for parameter in self.parameters():
            if parameter.requires_grad:
                plain = preset.exclude_1d and parameter.ndim <= 1
                groups.setdefault((plain, id(parameter) in kept), []).append(parameter)
        return [
            {
                "params": parameters,
                "name": ("norms and biases" if plain else "weights") + (", fixed rate" if fixed else ""),
                "weight_decay": 0.0 if plain else preset.weight_decay,
                "adapt": not plain,
                "fixed_lr": fixed,
            }
            for (plain, fixed), parameters in groups.items()
        ]

    def fixed_lr_parameters(self) -> list[nn.Parameter]:
        """Parameters whose learning rate does not follow the schedule."""
        return []


def check_views(views: Views, method: str) -> None:
    """Refuse a batch with fewer views than a method compares, or with what it would leave unused.

    Args:
        views: of the batch.
        method: its name in the registry.

    Raises:
        UsageError: there are too few views, or too many, or an extra negative that the method has no use for.
    """
    row, count = TRAINER_METHODS[method], len(views.views)
    if count < row.views or (count > row.views and not row.multi_crop):
        fewest = "or more" if row.multi_crop else "and no more"
        raise UsageError(
            f"{method} compares {row.views} views, the batch has {count}",
            remedy=f"take a recipe with {row.views} views {fewest}",
        )
    if views.negative is not None and not row.matched_negatives:
        raise UsageError(
            f"{method} has no negatives, the batch has one for each query",
            remedy="take a recipe without a negative",
        )


def large_views(views: Views) -> list[int]:
    """The places of a batch's largest views."""
    sides = [view.shape[-1] for view in views.views]
    return [index for index, side in enumerate(sides) if side == max(sides)]


def pairs_with_large(views: Views) -> list[tuple[int, int]]:
    """All pairs (any view, another one that is large).

    What RELICv2's listing 1 pairs, and with it the multi-crop of the other methods (its appendix G.6).

    Example:
        >>> import torch
        >>> from maskgen.trainers.data.batch import Views
        >>> from maskgen.trainers.methods.base import pairs_with_large
        >>> large, small = torch.zeros(1, 3, 8, 8), torch.zeros(1, 3, 4, 4)
        >>> pairs_with_large(Views((large, large, small)))
        [(0, 1), (1, 0), (2, 0), (2, 1)]
    """
    large = large_views(views)
    return [(view, other) for view in range(len(views.views)) for other in large if other != view]


def require_part(parts: Sequence[Tensor | None], index: int, what: str) -> Tensor:
    """A part of a batch, (B, ...), that the method cannot do without.

    Raises:
        UsageError: the recipe does not make it.
    """
    part = parts[index] if index < len(parts) else None
    if part is None:
        raise UsageError(
            f"view {index} has no {what}",
            cause="the recipe does not ask for it",
            remedy=f"ask for the {what} in the recipe, or take the method's own",
        )
    return part
