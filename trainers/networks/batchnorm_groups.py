"""How a batch goes through a network: in BatchNorm groups, several crops of one size at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import groupby

import torch
from torch import Tensor

Network = Callable[[Tensor], Tensor]


def apply_in_groups(network: Network, images: Tensor, groups: int) -> Tensor:
    """The network on parts of a (B, 3, S, S) batch in turn, so that each has its own BatchNorm statistics."""
    parts = images.tensor_split(max(1, min(groups, len(images))))
    return torch.cat([network(part) for part in parts]) if len(parts) > 1 else network(images)


def encode_crops(network: Network, crops: Sequence[Tensor], groups: int = 1) -> Tensor:
    """All crops through a network, neighbors of one size together (SwAV's code).

    V times (B, 3, S, S) to (V·B, D).

    Crop by crop in the given order. With `groups`, all crops of an image are in the same BatchNorm group, as
    far as the crops have the same B.
    """
    return torch.cat(
        [
            _encode_one_size(network, list(same), groups)
            for _, same in groupby(crops, key=lambda crop: crop.shape[1:])
        ]
    )


def _encode_one_size(network: Network, crops: list[Tensor], groups: int) -> Tensor:
    """V crops of one size; a group is some images, with all their crops."""
    count = max(1, min(groups, *map(len, crops)))
    parts = list(zip(*(crop.tensor_split(count) for crop in crops), strict=True))
    made = [network(torch.cat(part)) for part in parts]
    if len(made) == 1:
        return made[0]
    sizes = [list(map(len, part)) for part in parts]
    by_crop = zip(*(torch.split(group, size) for group, size in zip(made, sizes, strict=True)), strict=True)
    return torch.cat([piece for pieces in by_crop for piece in pieces])
