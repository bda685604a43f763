"""The layers: sizes and outputs, folded batch norms, what must stay in float32, and what a cast does."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch
from u2net_samples import CHECKPOINT, random_network, with_large_constant

from maskgen.methods.networks.u2net.layers import ConvBlock, U2Net, cast, fold_batch_norm, offset_blocks
from maskgen.methods.networks.u2net.weights import load_network as read_network


@pytest.mark.slow
@pytest.mark.parametrize(("name", "parameters"), [("u2net", 44_009_869), ("u2netp", 1_131_181)])
def test_the_network_has_the_published_size_and_seven_outputs(name: str, parameters: int) -> None:
    network = U2Net(name)
    assert sum(p.numel() for p in network.parameters()) == parameters
    x = torch.rand(1, 3, 64, 75)  # sides that no halving divides
    with torch.no_grad():
        maps = network.train()(x.repeat(2, 1, 1, 1))
        assert [tuple(m.shape) for m in maps] == [(2, 1, 64, 75)] * 7
        one = network.eval()(x)
        fused = network.logits(x)[0]
    torch.testing.assert_close(one, 1 / (1 + torch.exp(-fused)))


@pytest.mark.slow
def test_every_parameter_is_trained_by_the_sum_over_the_outputs() -> None:
    network = U2Net("u2netp").train()
    maps = network(torch.rand(2, 3, 64, 64))
    sum(m.square().mean() for m in maps).backward()
    assert all(p.grad is not None and torch.isfinite(p.grad).all() for p in network.parameters())


@pytest.mark.slow
def test_folding_batch_norm_changes_nothing() -> None:
    torch.manual_seed(1)
    network = U2Net("u2netp").train()
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        network(x * 3)  # running statistics away from 0 and 1
        wanted = network.eval().logits(x)[0]
        folded = fold_batch_norm(network)
        assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in folded.modules())
        torch.testing.assert_close(network.logits(x)[0], wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_blocks_with_large_constants_are_found() -> None:
    assert not offset_blocks(fold_batch_norm(random_network()))
    found = offset_blocks(with_large_constant(random_network()))
    assert found == {"stage2d.rebnconv2d", "stage2d.rebnconv1d"}


@pytest.mark.slow
def test_those_of_the_trained_network(shared_data: Path) -> None:
    network = fold_batch_norm(read_network("u2netp", shared_data / CHECKPOINT))
    wanted = {"stage2d.rebnconv1d", "stage2d.rebnconv2d", "stage1d.rebnconv2d", "stage1d.rebnconv3d"}
    assert offset_blocks(network) == wanted


@pytest.mark.slow
def test_casting_leaves_the_kept_blocks_their_values() -> None:
    network = with_large_constant(random_network())
    before = copy.deepcopy(network.state_dict())
    kept = offset_blocks(network)
    cast(network, torch.bfloat16, kept)
    for key, value in network.state_dict().items():
        if key.rsplit(".", 2)[0] in kept:
            assert torch.equal(value, before[key])
        else:
            assert value.dtype == torch.bfloat16
    with torch.inference_mode():
        maps = network.logits(torch.rand(1, 3, 64, 64))
    assert {one.dtype for one in maps} == {torch.bfloat16}


@pytest.mark.slow
def test_any_block_can_be_kept() -> None:
    network = fold_batch_norm(random_network())
    blocks = [name for name, module in network.named_modules() if isinstance(module, ConvBlock)]
    x = torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        wanted = network.logits(x)[0]
        for kept in (blocks[::2], blocks[1::2], blocks):
            half = cast(copy.deepcopy(network), torch.bfloat16, frozenset(kept))
            got = half.logits(x)[0]  # type: ignore[operator]
            assert got.dtype == torch.bfloat16
            assert torch.isfinite(got).all()
        error = (
            (got.float() - wanted).abs().mean()
        )  # all blocks kept: what is left is rounding between the stages
        assert 0 < error < 0.05 * wanted.std()
