"""What Grad-CAM explains: how well a query matches a key, or a classifier's answer."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from maskgen.trainers.heads.head import Head

SCORES = ("masked", "key", "class")

Score = Callable[[Tensor], Tensor]
"""(B, D) features of queries to (B,) scores."""


def match_score(network: nn.Module, keys: Tensor, masks: Tensor | None) -> Score:
    """q·k, the cosine between the features of query and key.

    CAST, https://arxiv.org/abs/2012.04630, equation 1 and figure 5. Deviation: features of the backbone
    itself, since files of weights hold no projection head and no momentum encoder.

    Args:
        network: (B, 3, S, S) to (B, D), in evaluation mode.
        keys: (B, 3, S, S) normalized key crops.
        masks: (B, S, S) in [0, 1], of the keys: what is not foreground is set to 0, the mean color (columns
            h and i of the figure); None: whole keys (columns e and f).
    """
    with torch.no_grad():
        k = functional.normalize(network(keys if masks is None else keys * masks[:, None]), dim=1)
    return lambda features: (functional.normalize(features, dim=1) * k).sum(1)


def class_score(head: Head) -> Score:
    """The logit of the class that the classifier answers, as in figure 6 of the paper."""

    def score(features: Tensor) -> Tensor:
        logits: Tensor = head.layer(head.standard(features.float()))
        return logits.amax(1)

    return score
