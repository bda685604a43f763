"""Grad-CAM and CAST's attention against finite differences and values by hand."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn.functional import normalize

from maskgen.trainers import losses


def toy_network(weight: Tensor, images: Tensor, keys: Tensor) -> tuple[Tensor, Tensor]:
    """Maps by a 1 x 1 convolution and a square, and the score q·k of pooled, normalized maps."""
    maps = torch.einsum("oc,bchw->bohw", weight, images).square()
    q = normalize(maps.mean(dim=(2, 3)), dim=1)
    return maps, (q * keys).sum()


def test_grad_cam_has_the_weights_of_a_finite_difference(
    unit_rows: Callable[..., Tensor], slope: Callable[..., Tensor]
) -> None:
    generator = torch.Generator().manual_seed(0)
    maps = torch.rand(2, 3, 4, 4, generator=generator, dtype=torch.float64)
    keys = unit_rows(2, 3, seed=5)

    def score(a: Tensor) -> Tensor:
        return (normalize(a.mean(dim=(2, 3)), dim=1) * keys).sum()

    free = maps.clone().requires_grad_()
    cam = losses.grad_cam(score(free), free)
    alpha = slope(score, maps).mean(dim=(2, 3), keepdim=True)
    torch.testing.assert_close(cam, (alpha * maps).sum(1), rtol=1e-6, atol=1e-9)


def test_the_attention_loss_reaches_the_weights_through_the_gradient(
    unit_rows: Callable[..., Tensor], slope: Callable[..., Tensor]
) -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 3, 3, 3, generator=generator, dtype=torch.float64)
    mask = torch.rand(2, 3, 3, generator=generator, dtype=torch.float64)
    weight = torch.randn(4, 3, generator=generator, dtype=torch.float64)
    keys = unit_rows(2, 4, seed=5)

    def loss(value: Tensor) -> Tensor:
        maps, score = toy_network(value, images, keys)
        return losses.attention_loss(losses.rectify(losses.grad_cam(score, maps)), mask)

    free = weight.clone().requires_grad_()
    loss(free).backward()
    wanted = slope(lambda v: loss(v.clone().requires_grad_()), weight)
    assert wanted.abs().max() > 1e-3
    torch.testing.assert_close(free.grad, wanted, rtol=1e-4, atol=1e-7)


def test_attention_is_a_cosine_per_image() -> None:
    cam = torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]], [[1.0, 1.0]]])
    mask = torch.tensor([[[3.0, 0.0]], [[1.0, 0.0]], [[1.0, 0.0]]])
    assert losses.attention_loss(cam, mask).item() == pytest.approx((0 + 1 + 1 - 0.5**0.5) / 3)
    whole = 1 - (3 + 0 + 1) / (7**0.5 * 11**0.5)
    assert losses.attention_loss(cam, mask, whole_batch=True).item() == pytest.approx(whole)


def test_attention_without_a_mask_or_a_map() -> None:
    cam = torch.zeros(2, 3, 3, requires_grad=True)
    empty, full = torch.zeros(3, 3), torch.ones(3, 3)
    loss = losses.attention_loss(losses.rectify(cam), torch.stack([empty, full]))
    loss.backward()
    assert loss.item() == pytest.approx((0 + 1) / 2)  # no mask: no weight; no map: cosine 0
    assert cam.grad is not None
    assert (cam.grad == 0).all()


def test_attention_does_not_see_the_scale_of_small_maps() -> None:
    cam, mask = torch.rand(3, 4, 4), torch.rand(3, 4, 4)
    small, large = losses.attention_loss(cam * 1e-7, mask), losses.attention_loss(cam, mask)
    assert small.item() == pytest.approx(large.item(), rel=1e-4)


def test_stretched_maps_span_0_to_1_and_rectified_ones_cut() -> None:
    cam = torch.randn(4, 3, 3)
    made = losses.stretch(cam)
    torch.testing.assert_close(made.amin((1, 2)), torch.zeros(4))
    torch.testing.assert_close(made.amax((1, 2)), torch.ones(4))
    assert torch.equal(losses.rectify(cam), cam.clamp_min(0))
