"""Heads against the papers' layer lists."""

from __future__ import annotations

import torch
from torch import nn

from maskgen.trainers.methods.byol import byol_heads
from maskgen.trainers.methods.simsiam import siamese_heads
from maskgen.trainers.networks.heads import mlp, unit
from maskgen.trainers.presets import PRESETS


def kinds(head: nn.Sequential) -> str:
    short = {nn.Linear: "L", nn.BatchNorm1d: "B", nn.ReLU: "R"}
    return "".join(
        short[type(layer)] + ("b" if isinstance(layer, nn.Linear) and layer.bias is not None else "")
        for layer in head
    )


def test_mocos_head_has_no_norm_and_one_layer_is_linear() -> None:
    assert kinds(mlp((8, 16, 4), norm=False)) == "LbRLb"
    assert kinds(mlp((8, 4), norm=False)) == "Lb"


def test_byols_heads_have_the_papers_sizes() -> None:
    projector, predictor = byol_heads(PRESETS["byol"]["imagenet-1000"], 2048)
    assert kinds(projector) == kinds(predictor) == "LbBRL"
    # Grill et al. 2020, 3.3: 4096 hidden, 256 out
    count = 2048 * 4096 + 4096 + 2 * 4096 + 4096 * 256
    assert sum(p.numel() for p in projector.parameters()) == count


def test_simsiams_heads_are_three_and_two_layers() -> None:
    projector, predictor = siamese_heads(PRESETS["simsiam"]["imagenet-100"], 2048)
    assert kinds(projector) == "LBRLBRLB"
    assert kinds(predictor) == "LBRLb"
    assert not list(projector[-1].parameters())
    assert predictor[0].out_features == 512


def test_unit_rows_are_float32_of_length_1() -> None:
    rows = unit(torch.randn(5, 7).bfloat16())
    assert rows.dtype == torch.float32
    torch.testing.assert_close(rows.norm(dim=1), torch.ones(5))
