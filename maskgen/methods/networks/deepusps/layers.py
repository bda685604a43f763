"""Layers that compare every place of a photo with the rest of it.

What the training-free priors do, as parts of a network.

A network that begins with random weights does not find these comparisons in a few hundred photos by itself.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
HEADS, EMBEDDED = 4, 8
POOLED_SIDES = (1, 2, 4)
"""Grids over which the coarsest features are averaged (pyramid pooling, Zhao et al., CVPR 2017).

What is unlike the whole photo is the task, and a network of a few layers does not see the whole photo."""
LAB_SCALE = 25.0
"""CIELAB's units that count as 1: about the spread of L, a and b in photos."""
D65 = (0.9505, 1.0, 1.089)  # white of sRGB in XYZ
SRGB_TO_XYZ = ((0.4124, 0.3576, 0.1805), (0.2126, 0.7152, 0.0722), (0.0193, 0.1192, 0.9505))
LEAST_MASS = 1e-3


def make_convolution(inputs: int, outputs: int, side: int = 3, stride: int = 1) -> nn.Sequential:
    """A convolution, batch norm and ReLU."""
    convolution = nn.Conv2d(inputs, outputs, side, stride, padding=side // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))


def enlarge(x: Tensor, size: Any) -> Tensor:
    """(B, C, h, w) bilinearly at another size."""
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def normalize_photos(photos: Tensor) -> Tensor:
    """(B, 3, H, W) photos in [0, 255] by ImageNet's mean and standard deviation.

    Example:
        >>> from maskgen.methods.networks.deepusps.layers import normalize_photos
        >>> import torch
        >>> white = normalize_photos(torch.full((1, 3, 1, 1), 255.0))
        >>> [round(value, 1) for value in white.flatten().tolist()]
        [2.2, 2.4, 2.6]
    """
    mean, std = _statistics(photos)
    return (photos / 255 - mean) / std


def lab_colors(photos: Tensor) -> Tensor:
    """(B, 3, H, W) normalized sRGB photos to CIELAB (D65), L around its middle, in units of `LAB_SCALE`.

    Example:
        >>> from maskgen.methods.networks.deepusps.layers import lab_colors
        >>> import torch
        >>> from maskgen.methods.networks.deepusps.layers import normalize_photos
        >>> lab_colors(normalize_photos(torch.full((1, 3, 1, 1), 255.0))).shape
        torch.Size([1, 3, 1, 1])
    """
    mean, std = _statistics(photos)
    rgb = (photos.float() * std + mean).clamp(0, 1)
    linear = torch.where(rgb > 0.04045, ((rgb + 0.055) / 1.055) ** 2.4, rgb / 12.92)
    to_xyz = (
        torch.tensor(SRGB_TO_XYZ, device=photos.device) / torch.tensor(D65, device=photos.device)[:, None]
    )
    xyz = torch.einsum("ij,bjhw->bihw", to_xyz, linear)
    # the cube root has no slope at 0: there its argument is held away from it, since where() passes both
    # slopes on
    root = torch.where(xyz > 0.008856, xyz.clamp_min(0.008856) ** (1 / 3), 7.787 * xyz + 16 / 116)
    x, y, z = root.unbind(1)
    return torch.stack([116 * y - 16 - 50, 500 * (x - y), 200 * (y - z)], 1) / LAB_SCALE


def _statistics(like: Tensor) -> tuple[Tensor, Tensor]:
    mean, std = (torch.tensor(one, device=like.device).view(1, 3, 1, 1) for one in (MEAN, STD))
    return mean, std


class PooledContext(nn.Module):
    """Adds what the whole photo and its parts hold to every place: (B, C, h, w) -> (B, outputs, h, w)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(inputs, outputs, 1) for _ in POOLED_SIDES)
        self.merge = make_convolution(inputs + outputs * len(POOLED_SIDES), outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, h, w) to (B, outputs, h, w)."""
        parts = [
            enlarge(functional.relu(branch(functional.adaptive_avg_pool2d(x, side))), x.shape[2:])
            for side, branch in zip(POOLED_SIDES, self.branches, strict=True)
        ]
        out: Tensor = self.merge(torch.cat([x, *parts], 1))
        return out


class BorderContrast(nn.Module):
    """Tells each place how much it is like each side of the photo and like the photo as a whole.

    The idea of the priors (Yang et al., CVPR 2013: one ranking per side) as a layer: places are compared by a
    Gaussian of their embeddings, learned from the photo's colors and the features; the means over the four
    sides and over all places are added to the features. A network of a few hundred photos does not find this
    comparison by itself.

    Args:
        channels: C of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.embed = nn.Conv2d(channels + 3, HEADS * EMBEDDED, 1)
        self.merge = nn.Sequential(nn.Conv2d(5 * HEADS, channels, 1), nn.BatchNorm2d(channels))

    def forward(self, features: Tensor, photos: Tensor) -> Tensor:
        """(B, C, h, w) features and (B, 3, H, W) normalized photos to (B, C, h, w)."""
        batch, _, height, width = features.shape
        colors = functional.adaptive_avg_pool2d(photos, (height, width))
        embedded = self.embed(torch.cat([features, colors], 1)).float()
        points = embedded.view(batch, HEADS, EMBEDDED, height * width)
        with torch.autocast(photos.device.type, enabled=False):  # small differences of large sums
            norms = (points * points).sum(2)
            squares = norms[..., :, None] + norms[..., None, :] - 2 * points.transpose(2, 3) @ points
            alike = torch.exp(-squares.clamp_min(0)).view(batch, HEADS, height * width, height, width)
            sides = [alike[..., 0, :], alike[..., -1, :], alike[..., :, 0], alike[..., :, -1]]
            means = [*(side.mean(-1) for side in sides), alike.mean((-2, -1))]
        found = torch.cat(means, 1).view(batch, 5 * HEADS, height, width)
        out: Tensor = functional.relu(features + self.merge(found))
        return out


class ForegroundAttention(nn.Module):
    """Tells each place whether it is more like what a first map calls foreground, or like the rest.

    The photo's own model of its object and of its background, as the color cut of `vote` has it (GrabCut), as
    a layer: a place's likeness to all others is a Gaussian of the distance of their embeddings, learned from
    features, color and position; its mean over the map's foreground and that over the rest, each by its mass,
    make the odds. The same weights also gather features (Wang et al., "Non-local neural networks", CVPR
    2018).

    Args:
        channels: C of the features.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, 1, 1)
        self.embed = nn.Conv2d(channels + 5, HEADS * (EMBEDDED - 1), 1)
        self.values = nn.Conv2d(channels, HEADS * (EMBEDDED - 2), 1)
        self.merge = nn.Sequential(nn.Conv2d(HEADS * (EMBEDDED - 1), channels, 1), nn.BatchNorm2d(channels))
        self.mix = make_convolution(channels, channels)

    def forward(self, features: Tensor, colors: Tensor) -> Tensor:
        """(B, C, h, w) features and (B, 3, h, w) colors to (B, C, h, w)."""
        batch, _, height, width = features.shape
        embedded = self.embed(torch.cat([features, colors, _places(features)], 1))
        values, logits = self.values(features), self.first(features)
        with torch.autocast(features.device.type, enabled=False):  # small differences of large sums
            points, gathered = _by_head(embedded.float()), _by_head(values.float())
            # exp(-|q - k|^2) over all k, normalized: |q|^2 falls out, so one more dimension makes it a dot
            # product
            squares = (points * points).sum(-1, keepdim=True)
            queries = torch.cat([2 * points, torch.ones_like(squares)], -1)
            keys = torch.cat([points, -squares], -1)
            inside = torch.sigmoid(logits.float()).flatten(2)[..., None]
            sides = [part / (part.mean(2, keepdim=True) + LEAST_MASS) for part in (inside, 1 - inside)]
            shown = [side.expand(batch, HEADS, -1, 1) for side in sides]
            found = functional.scaled_dot_product_attention(
                queries, keys, torch.cat([*shown, gathered], -1), scale=1.0
            )
            share = found[..., :1] / (found[..., :2].sum(-1, keepdim=True) + LEAST_MASS)
            told = torch.cat([share, found[..., 2:]], -1)
        told = told.transpose(2, 3).reshape(batch, -1, height, width)
        out: Tensor = self.mix(functional.relu(features + self.merge(told)))
        return out


def _places(like: Tensor) -> Tensor:
    """(B, 2, h, w): x and y of each place, from -1 to 1."""
    batch, _, height, width = like.shape
    y, x = (torch.linspace(-1, 1, side, device=like.device, dtype=like.dtype) for side in (height, width))
    return torch.stack(torch.meshgrid(x, y, indexing="xy"))[None].expand(batch, -1, -1, -1)


def _by_head(x: Tensor) -> Tensor:
    """(B, HEADS * D, h, w) to (B, HEADS, h * w, D)."""
    return x.view(len(x), HEADS, -1, x.shape[2] * x.shape[3]).transpose(2, 3)
