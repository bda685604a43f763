"""Passes that are computed again: gradients, statistics and random draws of those that are kept."""

from __future__ import annotations

from copy import deepcopy
from itertools import product

import pytest
import torch
from torch import Tensor, nn

from maskgen.trainers.networks.backbones import build_backbone
from maskgen.trainers.networks.recompute import Passes, blocks_of, recompute_blocks, still_statistics


def dropping(momentum: float | None = 0.1) -> nn.Sequential:
    """What draws in each pass and has running statistics, in two blocks."""
    torch.manual_seed(0)
    blocks = [
        nn.ModuleList([nn.Linear(6, 6), nn.BatchNorm1d(6, momentum=momentum), nn.Dropout(0.5)])
        for _ in range(2)
    ]

    class Block(nn.Module):
        def __init__(self, parts: nn.ModuleList) -> None:
            super().__init__()
            self.parts = parts

        def forward(self, rows: Tensor) -> Tensor:
            for part in self.parts:
                rows = part(rows).relu()
            return rows

    return nn.Sequential(*map(Block, blocks))


def run(network: nn.Module, passes: Passes) -> tuple[list[Tensor], dict[str, Tensor], Tensor]:
    """Gradients of two passes, the state behind them, and what is drawn next."""
    torch.manual_seed(1)
    rows = torch.randn(10, 6)
    loss = torch.stack([passes.run(network, network, part).square().sum() for part in (rows, rows + 1)]).sum()
    loss.backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    return gradients, dict(network.state_dict()), torch.rand(3)


@pytest.mark.parametrize(
    ("momentum", "whole", "blocks"), [*product([0.1, None], [True, False], [True, False])]
)
def test_recomputing_changes_nothing(momentum: float | None, whole: bool, blocks: bool) -> None:
    """Dropout drops the same, running statistics move once a pass, and the next draw is the same."""
    plain, saving = (nn.Sequential(dropping(momentum)) for _ in range(2))
    if blocks:
        recompute_blocks(saving)
    wanted, found = run(plain, Passes()), run(saving, Passes(again=whole))
    assert found[1].keys() == wanted[1].keys()
    assert int(found[1]["0.0.parts.1.num_batches_tracked"]) == 2
    for one, other in zip(found[0], wanted[0], strict=True):
        assert torch.equal(one, other)
    for name, value in wanted[1].items():
        assert torch.equal(found[1][name], value), name
    assert torch.equal(found[2], wanted[2])


def test_random_draws_matter_here() -> None:
    """Else the test above would say nothing: other draws give other gradients."""
    first = run(dropping(), Passes())[0][0]
    second = dropping()
    torch.manual_seed(7)
    second(torch.randn(10, 6)).square().sum().backward()
    other = next(second.parameters()).grad
    assert other is not None
    assert not torch.allclose(first, other)


def test_statistics_stand_still_and_are_the_same_tensors_behind_it() -> None:
    norm = nn.BatchNorm1d(3)
    before, mean, version = deepcopy(norm.state_dict()), norm.running_mean, norm.running_mean._version  # type: ignore[union-attr]
    moved = []

    def fail() -> None:
        norm(torch.randn(4, 3))
        moved.append(norm.running_mean)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), still_statistics(norm):
        fail()
    assert not torch.equal(moved[0], before["running_mean"])
    assert norm.running_mean is mean
    assert mean is not None
    assert mean._version == version
    for name, value in before.items():
        assert torch.equal(norm.state_dict()[name], value)


@pytest.mark.parametrize(
    ("name", "count"),
    [("tiny", 3), ("resnet18", 8), ("resnet50", 16), ("resnet200", 66), ("resnet18-small", 8)],
)
def test_blocks_are_the_residual_ones(name: str, count: int) -> None:
    network = build_backbone(name)[0]
    blocks = list(blocks_of(network))
    assert len(blocks) == count
    assert len({id(block) for block in blocks}) == count
    keys = list(network.state_dict())
    recompute_blocks(network)
    assert list(network.state_dict()) == keys


@pytest.mark.parametrize(("name", "count"), [("vit_tiny_patch16_224", 12), ("tf_efficientnet_lite0", 16)])
def test_blocks_of_other_networks_are_the_members_of_their_chains(name: str, count: int) -> None:
    pytest.importorskip("timm")
    assert len(list(blocks_of(build_backbone(f"timm/{name}")[0]))) == count


def test_without_a_graph_nothing_is_kept_or_computed_twice() -> None:
    calls = []

    def forward(rows: Tensor) -> Tensor:
        calls.append(len(rows))
        return rows

    with torch.no_grad():
        Passes(again=True).run(nn.Identity(), forward, torch.zeros(4, 2))
    assert calls == [4]


def test_groups_are_cut_until_there_are_as_many_as_parts() -> None:
    for parts, wanted in product(range(1, 9), range(1, 9)):
        made = Passes(parts=parts).groups(wanted)
        fewest = min(n for n in range(1, 100) if n >= parts and n % wanted == 0)
        assert made == fewest
