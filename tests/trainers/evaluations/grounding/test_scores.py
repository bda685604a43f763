"""What maps explain: cosines with keys, whole or masked, and the answered class."""

from __future__ import annotations

import torch
from torch import nn

from maskgen.trainers.evaluations.grounding.scores import class_score, match_score
from maskgen.trainers.heads.head import Head, Standardizer, linear_layer

POOL = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def test_a_match_is_the_cosine_with_the_key() -> None:
    keys = torch.zeros(2, 3, 2, 2)
    keys[0, 0], keys[1, 1] = 1.0, 2.0
    score = match_score(POOL, keys, None)
    found = score(torch.tensor([[3.0, 4.0, 0.0], [3.0, 4.0, 0.0]]))
    assert torch.allclose(found, torch.tensor([0.6, 0.8]))


def test_a_masked_key_has_only_its_foreground() -> None:
    keys = torch.zeros(1, 3, 1, 2)
    keys[0, 0, 0, 0], keys[0, 1, 0, 1] = 1.0, 1.0  # red left, green right
    masks = torch.tensor([[[0.0, 1.0]]])
    found = [match_score(POOL, keys, m)(torch.tensor([[0.0, 1.0, 0.0]])).item() for m in (masks, None)]
    assert found[0] == 1
    assert abs(found[1] - 0.5**0.5) < 1e-6


def test_keys_get_no_gradient() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 1), *POOL)
    match_score(net, torch.randn(2, 3, 4, 4), None)(torch.randn(2, 4, requires_grad=True)).sum().backward()
    assert all(parameter.grad is None for parameter in net.parameters())


def test_a_class_is_the_largest_logit_after_the_heads_own_standardizing() -> None:
    head = Head(
        linear_layer(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0.0, 0.25])),
        Standardizer(torch.tensor([0.5, 0.5]), torch.tensor([0.5, 1.0])),
    )
    features = torch.tensor([[3.0, 4.0]], requires_grad=True)  # of length 1: .6, .8; standardized: .2, .3
    score = class_score(head)(features)
    assert torch.allclose(score, torch.tensor([0.55]))
    score.sum().backward()
    assert features.grad is not None
