"""Batches in BatchNorm groups, and crops of one size together."""

from __future__ import annotations

import torch
from torch import nn

from maskgen.trainers.networks.batchnorm_groups import apply_in_groups, encode_crops


def test_groups_have_their_own_statistics() -> None:
    norm = nn.BatchNorm1d(3)
    x = torch.randn(12, 3)
    made = apply_in_groups(norm, x, 3)
    for part, out in zip(x.chunk(3), made.chunk(3), strict=True):
        wanted = (part - part.mean(0)) / (part.var(0, unbiased=False) + 1e-5).sqrt()
        torch.testing.assert_close(out, wanted)
    assert int(norm.num_batches_tracked) == 3
    assert len(apply_in_groups(norm, x, 100)) == 12 if norm.eval() else None


def test_crops_of_one_size_go_together_in_their_order() -> None:
    sizes: list[torch.Size] = []

    def network(x: torch.Tensor) -> torch.Tensor:
        sizes.append(x.shape)
        return x.mean(dim=(2, 3))

    crops = [torch.randn(4, 3, s, s) for s in (8, 8, 4, 4, 4)]
    made = encode_crops(network, crops)
    assert [tuple(size) for size in sizes] == [(8, 3, 8, 8), (12, 3, 4, 4)]
    torch.testing.assert_close(made, torch.cat([crop.mean(dim=(2, 3)) for crop in crops]))


def test_a_group_has_all_crops_of_its_images() -> None:
    seen: list[set[float]] = []

    def network(x: torch.Tensor) -> torch.Tensor:
        seen.append(set(x.flatten().tolist()))
        return x.flatten(1)

    crops = [torch.arange(4.0).reshape(4, 1, 1, 1) + 10 * c for c in range(3)]
    made = encode_crops(network, crops, groups=2)
    assert seen == [{0, 1, 10, 11, 20, 21}, {2, 3, 12, 13, 22, 23}]
    assert made.flatten().tolist() == torch.cat(crops).flatten().tolist()


def test_crops_of_fewer_images_go_with_those_of_their_size() -> None:
    sizes: list[int] = []

    def network(x: torch.Tensor) -> torch.Tensor:
        sizes.append(len(x))
        return x.mean(dim=(2, 3))

    crops = [torch.randn(rows, 3, s, s) for rows, s in ((2, 8), (4, 8), (4, 8), (4, 4))]
    made = encode_crops(network, crops)
    assert sizes == [10, 4]
    torch.testing.assert_close(made, torch.cat([crop.mean(dim=(2, 3)) for crop in crops]))
