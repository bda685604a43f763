"""A student: an encoder that knows images, and a light decoder that turns its maps into one mask."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .encoder import Encoder
from .structure import AUXILIARY, SIDES, WIDTHS

if TYPE_CHECKING:
    from collections.abc import Sequence


def enlarge(x: Tensor, size: Sequence[int]) -> Tensor:
    """(B, C, h, w) bilinearly at another size."""
    return functional.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


class Separable(nn.Module):
    """A depthwise and a pointwise convolution, each with batch norm, and a ReLU."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(inputs, inputs, side, padding=side // 2, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H, W)."""
        out: Tensor = self.layers(x)
        return out


class Decoder(nn.Module):
    """Top-down: what is coarse and sure is enlarged and meets what is fine and local.

    Args:
        widths: channels of the encoder's maps, finest first.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(
            nn.Conv2d(inputs, outputs, 1) for inputs, outputs in zip(widths, WIDTHS, strict=True)
        )
        self.whole = nn.Conv2d(widths[-1], WIDTHS[-1], 1)
        self.top = Separable(WIDTHS[-1], WIDTHS[-1], SIDES[-1])
        self.down = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in itertools.pairwise(WIDTHS))
        self.merge = nn.ModuleList(
            Separable(width, width, side) for width, side in zip(WIDTHS[:-1], SIDES[:-1], strict=True)
        )
        self.head = nn.Conv2d(WIDTHS[0], 1, 3, padding=1)
        self.auxiliary = nn.ModuleList(nn.Conv2d(WIDTHS[level], 1, 1) for level in AUXILIARY)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        """The logits at stride 2, (B, 1, H / 2, W / 2); while training also those of `AUXILIARY`."""
        whole = self.whole(functional.adaptive_avg_pool2d(maps[-1], 1))
        h = self.top(functional.relu(self.laterals[-1](maps[-1]) + whole))
        logits = []
        for level in reversed(range(len(WIDTHS) - 1)):
            side = self.laterals[level](maps[level])
            h = functional.relu(side + enlarge(self.down[level](h), side.shape[2:]))
            h = h + self.merge[level](h)
            if self.training and level in AUXILIARY:
                logits.append(self.auxiliary[AUXILIARY.index(level)](h))
        return [self.head(h), *logits]


class Student(nn.Module):
    """The whole network.

    Args:
        encoder: a name of `SCALES`.

    Example:
        >>> from maskgen.methods.networks.student.layers import Student
        >>> import torch
        >>> network = Student("lite0").eval()
        >>> with torch.inference_mode():
        ...     print(network(torch.zeros(1, 3, 64, 64)).shape)
        torch.Size([1, 64, 64])
    """

    def __init__(self, encoder: str) -> None:
        super().__init__()
        self.encoder = Encoder(encoder)
        self.decoder = Decoder(self.encoder.widths)

    def logits(self, photos: Tensor) -> list[Tensor]:
        """Logits of (B, 3, H, W) normalized photos, (B, h, w) each.

        The first at half their size; while training also those of `AUXILIARY`, coarser.
        """
        return [one[:, 0] for one in self.decoder(self.encoder(photos))]

    def forward(self, photos: Tensor) -> Tensor:
        """(B, 3, H, W) normalized photos to (B, H, W) logits; H and W divide by 32."""
        return enlarge(self.decoder(self.encoder(photos))[0], photos.shape[2:])[:, 0]


class Saliency(nn.Module):
    """A student as it is run: its batch norms folded, its logits through a sigmoid.

    Args:
        network: with its weights; it is changed, unless it is folded already.
    """

    def __init__(self, network: Student) -> None:
        super().__init__()
        self.network = network.eval()
        for part in network.modules():
            if isinstance(part, Separable) and len(part.layers) == 5:  # one that is folded has three
                parts: list[Any] = list(part.layers)  # which the helper wants by their types
                look, norm, mix, other, relu = parts
                part.layers = nn.Sequential(
                    fuse_conv_bn_eval(look, norm), fuse_conv_bn_eval(mix, other), relu
                )

    def forward(self, photos: Tensor) -> Tensor:
        """(B, 3, H, W) normalized photos to (B, 1, H, W) maps in [0, 1]."""
        fine = self.network.decoder(self.network.encoder(photos))[0]
        return torch.sigmoid(enlarge(fine, photos.shape[2:]))
