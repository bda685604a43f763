"""What is fine-tuned: a backbone with a linear classifier, each layer at its rate."""

from __future__ import annotations

import copy
from typing import Any

from torch import Tensor, nn

from maskgen.trainers.distributed.ranks import SYNC_ALL, synchronize_batchnorm
from maskgen.trainers.heads.linear import new_layer
from maskgen.trainers.probes.setup import ProbeSetup


class Tuned(nn.Module):
    """A backbone and a classifier.

    Args:
        backbone: (B, 3, S, S) to (B, D).
        head: (B, D) to (B, C).
    """

    def __init__(self, backbone: nn.Module, head: nn.Linear) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = head

    def train(self, mode: bool = True) -> Tuned:
        """As every module's; a backbone without gradients stays in evaluation mode."""
        super().train(mode)
        if not any(parameter.requires_grad for parameter in self.backbone.parameters()):
            self.backbone.eval()
        return self

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, S, S) to (B, C)."""
        logits: Tensor = self.head(self.backbone(images))
        return logits


def new_model(setup: ProbeSetup, classes: int) -> Tuned:
    """A copy of the setup's backbone, and a new classifier as `eval-ssl linear` begins with.

    With several ranks on CUDA, BatchNorm takes its statistics over all of them (SwAV's code).

    Args:
        setup: whose backbone it is; stays as it is.
        classes: C.
    """
    config = setup.config
    head = new_layer(setup.encoder.dim, classes, config.seed, config.device)
    backbone = copy.deepcopy(setup.encoder.network).requires_grad_(True)
    return Tuned(synchronize_batchnorm(backbone, SYNC_ALL, config.batch_size), head)


def layers_of(backbone: nn.Module) -> list[list[nn.Parameter]]:
    """The parameters of each layer, from the input on: the stem, a ResNet's stages, or timm's blocks.

    A layer is a direct child with parameters, or one of the children in ``blocks``; a norm belongs to what is
    before it. Parameters of the network itself (tokens, positions) belong to the first.
    """
    layers: list[list[nn.Parameter]] = []
    for name, child in backbone.named_children():
        inner = list(child.children()) if name == "blocks" else [child]
        for part in inner:
            own = list(part.parameters())
            if own and layers and isinstance(part, nn.BatchNorm2d | nn.SyncBatchNorm | nn.LayerNorm):
                layers[-1] += own
            elif own:
                layers.append(own)
    if loose := list(backbone.parameters(recurse=False)):
        layers = [loose + layers[0], *layers[1:]] if layers else [loose]
    return layers


def parameter_groups(model: Tuned, lr: float, head_lr: float, layer_decay: float) -> list[dict[str, Any]]:
    """Groups with their peak rates, as ``peak``: the head's, and of layer i of L (from 0) lr * decay^(L - i).

    As in ELECTRA (Clark et al. 2020, https://arxiv.org/abs/2003.10555) and BEiT, where the last layer has one
    decay; with a decay of 1 all have `lr`.

    Args:
        model: to be trained.
        lr: of the backbone.
        head_lr: of the classifier.
        layer_decay: above 0, up to 1.
    """
    layers = layers_of(model.backbone)
    groups = [
        {"params": layer, "peak": lr * layer_decay ** (len(layers) - number)}
        for number, layer in enumerate(layers)
    ]
    return [*groups, {"params": list(model.head.parameters()), "peak": head_lr}]
