"""Files of weights: which ViT they hold, and what is refused with which words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from vit_states import official_state, random_vit

from maskgen.errors import UsageError
from maskgen.methods.networks.vit.layers import ViTShape
from maskgen.methods.networks.vit.weights import load_vit


def saved(folder: Path, state: dict[str, Tensor]) -> Path:
    torch.save(state, folder / "vit.pth")
    return folder / "vit.pth"


def test_the_shape_follows_from_the_file(tmp_path: Path) -> None:
    one = load_vit(saved(tmp_path, official_state(random_vit())))[0].shape
    assert one == ViTShape(width=128, depth=3, patch=16, grid=4, hidden=512)
    state = official_state(random_vit(grid=5, patch=14, v2=True, registers=4))
    save_file(state, tmp_path / "vit.safetensors")
    vit, head = load_vit(tmp_path / "vit.safetensors")
    assert vit.shape == ViTShape(
        width=128, depth=3, patch=14, grid=5, hidden=512, registers=4, scaled=True, masked=True
    )
    assert head == {}
    assert all(torch.equal(value, state[name]) for name, value in vit.state_dict().items())


def test_a_head_in_the_file_is_handed_over(tmp_path: Path) -> None:
    state = {**official_state(random_vit()), "decoder.weight": torch.ones(1, 128, 1, 1)}
    assert [*load_vit(saved(tmp_path, state))[1]] == ["weight"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"rope_embed.periods": torch.zeros(16)}, "DINOv3"),
        ({"blocks.0.mlp.w12.weight": torch.zeros(1)}, "SwiGLU"),
        ({"cls_token": None}, "lacks cls_token"),
        ({"blocks.1.attn.proj.bias": None}, r"missing blocks\.1\.attn\.proj\.bias"),
        ({"head.weight": torch.zeros(2)}, r"unknown head\.weight"),
        ({"pos_embed": torch.zeros(1, 12, 128)}, "do not fit each other"),
        ({"cls_token": torch.zeros(1, 1, 100)}, "heads have not 64"),
        ({"norm.bias": torch.full((128,), torch.nan)}, "not finite"),
    ],
)
def test_other_files_are_refused_with_what_they_are(
    tmp_path: Path, change: dict[str, Tensor | None], told: str
) -> None:
    state = {**official_state(random_vit()), **change}
    with pytest.raises(UsageError, match=told):
        load_vit(saved(tmp_path, {name: value for name, value in state.items() if value is not None}))


def test_a_file_that_runs_code_is_not_read(tmp_path: Path) -> None:
    torch.save({"cls_token": Path}, tmp_path / "vit.pth")
    with pytest.raises(UsageError, match="cannot be read"):
        load_vit(tmp_path / "vit.pth")
