"""Small ViTs of random weights by timm, and the same as state dicts named like DINO's and DINOv2's."""

from __future__ import annotations

from typing import Any

import timm.models.vision_transformer as timm_vit
import torch
from torch import Tensor

WIDTH, PATCH = 128, 16


def random_vit(grid: int = 4, *, patch: int = PATCH, v2: bool = False, registers: int = 0) -> Any:
    """timm's own network, two heads of 64 channels in three blocks, every number random."""
    network = timm_vit.VisionTransformer(
        img_size=grid * patch,
        patch_size=patch,
        embed_dim=WIDTH,
        depth=3,
        num_heads=2,
        num_classes=0,
        init_values=1.0 if v2 else None,
        reg_tokens=registers,
        no_embed_class=bool(registers),
    )
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for value in network.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.2)
        network.pos_embed *= 10  # patches unlike each other, and in their keys as well
        network.blocks[-1].norm1.bias *= 0.1
        network.blocks[-1].attn.qkv.bias *= 0.1
    return network.eval()


def official_state(network: Any) -> dict[str, Tensor]:
    """timm's weights under the names of the released files, with a position of the class token always."""
    state = {name: value.clone() for name, value in network.state_dict().items()}
    if "reg_token" in state:
        state["register_tokens"] = state.pop("reg_token")
        nothing = torch.zeros_like(state["pos_embed"][:, :1])
        state["pos_embed"] = torch.cat([nothing, state["pos_embed"]], 1)
    if "blocks.0.ls1.gamma" in state:
        state["mask_token"] = torch.zeros(1, WIDTH)
    return state


@torch.inference_mode()
def timm_keys(network: Any, photos: Tensor) -> Tensor:
    """(B, N, C): what timm's last attention splits off as keys, of the patches alone."""
    kept: list[Tensor] = []
    hook = network.blocks[-1].attn.qkv.register_forward_hook(lambda _, __, output: kept.append(output))
    network(photos)
    hook.remove()
    batch, count, _ = kept[0].shape
    keys = kept[0].reshape(batch, count, 3, 2, 64).permute(2, 0, 3, 1, 4)[1]
    return keys.transpose(1, 2).reshape(batch, count, WIDTH)[:, network.num_prefix_tokens :]
