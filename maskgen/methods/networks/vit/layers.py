"""The ViT of DINO and DINOv2 as far as the heads need it: the keys of its last layer, one for each patch.

Caron et al., "Emerging properties in self-supervised vision transformers", ICCV 2021
(https://arxiv.org/abs/2104.14294); Oquab et al., "DINOv2: learning robust visual features without
supervision", 2023 (https://arxiv.org/abs/2304.07193); Darcet et al., "Vision transformers need registers",
2023 (https://arxiv.org/abs/2309.16588). Modules are named as in the official state dicts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

HEAD_WIDTH = 64
"""Channels of an attention head in every published DINO and DINOv2; a state dict does not say it."""
_EPS = 1e-6
_OFFSET = 0.1
"""What DINO and DINOv2 without registers add to the new side of the grid of positions, in patches."""


@dataclass(frozen=True, slots=True)
class ViTShape:
    """What a state dict says of its ViT.

    Args:
        width: channels of a token.
        depth: blocks.
        patch: side of a patch, px.
        grid: side of the square of positions that the ViT was trained with, patches.
        hidden: channels inside a block's MLP.
        registers: tokens beside the class token and the patches; 0 in DINO.
        scaled: whether each branch of a block is scaled by a learned vector, as in DINOv2.
        masked: whether there is a mask token, which only the training of DINOv2 used.
    """

    width: int
    depth: int
    patch: int
    grid: int
    hidden: int
    registers: int = 0
    scaled: bool = False
    masked: bool = False


class PatchEmbed(nn.Module):
    """One token for each patch.

    Args:
        shape: of the ViT.
    """

    def __init__(self, shape: ViTShape) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, shape.width, shape.patch, stride=shape.patch)

    def forward(self, photos: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, N, C), patches row by row."""
        tokens: Tensor = self.proj(photos)
        return tokens.flatten(2).transpose(1, 2)


class Attention(nn.Module):
    """Attention of all tokens to all.

    Args:
        width: channels of a token.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C): softmax(q k^T / sqrt(64)) v in each head."""
        batch, count, width = tokens.shape
        parts = self.qkv(tokens).reshape(batch, count, 3, width // HEAD_WIDTH, HEAD_WIDTH)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value)
        found: Tensor = self.proj(mixed.transpose(1, 2).reshape(batch, count, width))
        return found

    def keys(self, tokens: Tensor) -> Tensor:
        """(B, N, C): the keys of all heads side by side."""
        width = tokens.shape[2]
        rows = slice(width, 2 * width)
        return F.linear(tokens, self.qkv.weight[rows], self.qkv.bias[rows])


class MLP(nn.Module):
    """Two layers with a GELU between them.

    Args:
        width: channels in and out.
        hidden: channels between.
    """

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        found: Tensor = self.fc2(F.gelu(self.fc1(tokens)))
        return found


class LayerScale(nn.Module):
    """A factor for each channel.

    Args:
        width: channels.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(width))

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        return tokens * self.gamma


class Block(nn.Module):
    """x + attention(norm(x)), then x + MLP(norm(x)); each branch scaled in DINOv2.

    Args:
        shape: of the ViT.
    """

    def __init__(self, shape: ViTShape) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(shape.width, eps=_EPS)
        self.attn = Attention(shape.width)
        self.ls1 = LayerScale(shape.width) if shape.scaled else nn.Identity()
        self.norm2 = nn.LayerNorm(shape.width, eps=_EPS)
        self.mlp = MLP(shape.width, shape.hidden)
        self.ls2 = LayerScale(shape.width) if shape.scaled else nn.Identity()

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, N, C) -> (B, N, C)."""
        tokens = tokens + self.ls1(self.attn(self.norm1(tokens)))
        updated: Tensor = tokens + self.ls2(self.mlp(self.norm2(tokens)))
        return updated


class ViT(nn.Module):
    """A vision transformer that is asked for the keys of its last layer.

    Args:
        shape: what it is made of.

    Example:
        >>> import torch
        >>> from maskgen.methods.networks.vit.layers import ViT, ViTShape
        >>> vit = ViT(ViTShape(width=64, depth=2, patch=16, grid=4, hidden=128))
        >>> vit.keys(torch.zeros(1, 3, 96, 128)).shape
        torch.Size([1, 48, 64])
    """

    def __init__(self, shape: ViTShape) -> None:
        super().__init__()
        self.shape = shape
        self.cls_token = nn.Parameter(torch.zeros(1, 1, shape.width))
        self.pos_embed = nn.Parameter(torch.zeros(1, 1 + shape.grid**2, shape.width))
        if shape.registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, shape.registers, shape.width))
        if shape.masked:
            self.mask_token = nn.Parameter(torch.zeros(1, shape.width))
        self.patch_embed = PatchEmbed(shape)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.depth))
        self.norm = nn.LayerNorm(shape.width, eps=_EPS)  # of the output, which no head looks at

    def keys(self, photos: Tensor) -> Tensor:
        """The last layer's key of every patch; neither the class token nor registers.

        Args:
            photos: (B, 3, H, W), normalized; H and W are multiples of the patch.

        Returns:
            (B, N, C) in the photos' type, N = H W / patch^2, row by row.
        """
        rows, columns = (side // self.shape.patch for side in photos.shape[2:])
        tokens = self.patch_embed(photos) + self.positions(rows, columns)
        first = (self.cls_token + self.pos_embed[:, :1]).expand(len(photos), -1, -1)
        extra = [self.register_tokens.expand(len(photos), -1, -1)] if self.shape.registers else []
        tokens = torch.cat([first, *extra, tokens], 1)
        for block in self.blocks[:-1]:
            tokens = block(tokens)
        last = cast("Block", self.blocks[-1])
        keys = last.attn.keys(last.norm1(tokens))
        return keys[:, 1 + self.shape.registers :]

    def positions(self, rows: int, columns: int) -> Tensor:
        """(1, rows * columns, C): the learned positions, bicubic from their own grid to this one.

        As the released code does it, each for its own weights: DINO, and DINOv2 without registers, scale by
        (side + 0.1) / grid; with registers the kernel is anti-aliased and the scale exact.
        """
        grid, own = self.shape.grid, self.pos_embed[:, 1:]
        if (rows, columns) == (grid, grid):
            return own
        square = own.reshape(1, grid, grid, -1).permute(0, 3, 1, 2)
        if self.shape.registers:
            new = F.interpolate(square, size=(rows, columns), mode="bicubic", antialias=True)
        else:
            scale = tuple((side + _OFFSET) / grid for side in (rows, columns))
            new = F.interpolate(square, scale_factor=scale, mode="bicubic")
        assert new.shape[2:] == (rows, columns)  # noqa: S101 - the offset is there to make it so
        return new.flatten(2).transpose(1, 2)


def grid_side(positions: int) -> int:
    """The side of a square of so many positions; 0 when they make none."""
    side = math.isqrt(positions)
    return side if side * side == positions else 0
