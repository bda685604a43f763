"""Linear heads against torch's SGD, and the papers' protocols."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from maskgen.errors import MaskgenError
from maskgen.trainers.heads.head import Head, accuracies
from maskgen.trainers.heads.linear import train_heads
from maskgen.trainers.heads.protocols import Protocol, find_protocol


def clusters(seed: int, each: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    """Four classes around the corners of a square in 8 dimensions."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(4).repeat(each)
    corners = torch.zeros(4, 8)
    corners[:, :2] = torch.tensor([[1.0, 1.0], [1, -1], [-1, 1], [-1, -1]])
    return corners[labels] + 0.3 * torch.randn(len(labels), 8, generator=generator), labels


LAW = Protocol(source="test", epochs=20, batch_size=32, lr=0.5, weight_decay=1e-3)


def test_a_head_learns_what_a_line_can_tell() -> None:
    features, labels = clusters(0)
    heads, standard = train_heads(lambda _: features, labels, LAW, lrs=[0.5], classes=4)
    found = accuracies(Head(heads[0.5], standard), *clusters(1))
    assert (found["top1"], found["top5"]) == (pytest.approx(1, abs=0.02), 1.0)


def test_a_sweep_trains_each_head_as_if_alone() -> None:
    features, labels = clusters(0)

    def heads(lrs: list[float]) -> dict[float, nn.Linear]:
        return train_heads(lambda _: features, labels, LAW, lrs=lrs, classes=4)[0]

    alone, together = heads([0.1]), heads([0.1, 5.0])
    assert torch.equal(alone[0.1].weight, together[0.1].weight)
    assert not torch.equal(together[5.0].weight, together[0.1].weight)


def test_a_rate_that_diverges_is_left_out_and_alone_an_error() -> None:
    features, labels = clusters(0)
    heads, _ = train_heads(lambda _: features, labels, LAW, lrs=[1e38, 0.5], classes=4)
    alone, _ = train_heads(lambda _: features, labels, LAW, lrs=[0.5], classes=4)
    assert list(heads) == [0.5]
    assert torch.equal(heads[0.5].weight, alone[0.5].weight)
    with pytest.raises(MaskgenError, match="linear classifier became infinite or no number") as caught:
        train_heads(lambda _: features, labels, LAW, lrs=[1e38], classes=4)
    assert caught.value.exit_code == 1


def test_one_epoch_is_torchs_sgd() -> None:
    """The whole batch once: the gradient of softmax regression, written out."""
    features, labels = clusters(0, each=8)
    protocol = Protocol(source="test", epochs=1, batch_size=32, lr=2.0, weight_decay=0.1)
    start = train_heads(
        lambda _: features, labels, Protocol(source="", epochs=0, lr=1), lrs=[1.0], classes=4
    )[0][1.0]
    found = train_heads(lambda _: features, labels, protocol, lrs=[2.0], classes=4)[0][2.0]
    error = torch.softmax(features @ start.weight.T, 1) - torch.nn.functional.one_hot(labels, 4)
    gradient = error.T @ features / 32 + 0.1 * start.weight
    torch.testing.assert_close(found.weight, start.weight - 2.0 * gradient)
    assert start.weight.detach().std() == pytest.approx(0.01, rel=0.5)


def test_every_epoch_sees_its_own_pass() -> None:
    features, labels = clusters(0)
    asked: list[int] = []

    def passes(epoch: int) -> torch.Tensor:
        asked.append(epoch)
        return features

    train_heads(passes, labels, find_protocol("moco", epochs=3), lrs=[0.1], classes=4)
    assert list(dict.fromkeys(asked)) == [0, 1, 2]
