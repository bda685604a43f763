"""Layers: each against its words, worked place by place, and colors against scikit-image's."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from maskgen.methods.networks.deepusps.layers import (  # noqa: E402
    EMBEDDED,
    HEADS,
    LAB_SCALE,
    LEAST_MASS,
    BorderContrast,
    ForegroundAttention,
    lab_colors,
    normalize_photos,
)


def merged_by(layer: torch.nn.Module, *inputs: torch.Tensor) -> torch.Tensor:
    """What a layer's comparisons hand to its `merge`."""
    seen: list[torch.Tensor] = []
    merge = layer.get_submodule("merge")
    with (
        merge.register_forward_pre_hook(lambda _, given: seen.append(given[0])),
        torch.inference_mode(),
    ):
        layer(*inputs)
    return seen[0]


def test_photos_are_normalized_by_imagenets_figures() -> None:
    from torchvision.transforms.functional import normalize

    photos = torch.randint(0, 256, (2, 3, 5, 7)).float()
    expected = normalize(photos / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(normalize_photos(photos), expected)


def test_colors_are_cielab() -> None:
    from skimage.color import rgb2lab

    photos = torch.randint(0, 256, (2, 3, 9, 7)).float()
    photos[0, :, 0, 0] = 0
    found = lab_colors(normalize_photos(photos)).permute(0, 2, 3, 1).numpy() * LAB_SCALE + (50, 0, 0)
    expected = rgb2lab(photos.permute(0, 2, 3, 1).numpy() / 255)
    np.testing.assert_allclose(found, expected, atol=0.05)


def test_black_has_a_finite_slope() -> None:
    photos = normalize_photos(torch.zeros(1, 3, 2, 2)).requires_grad_()
    lab_colors(photos).sum().backward()
    assert photos.grad is not None
    assert bool(torch.isfinite(photos.grad).all())


def test_contrast_is_the_mean_likeness_to_each_side_and_to_all() -> None:
    torch.manual_seed(0)
    layer = BorderContrast(6).eval()
    features, photos = torch.randn(2, 6, 4, 5), torch.randn(2, 3, 16, 20)
    found = merged_by(layer, features, photos)
    with torch.inference_mode():
        colors = torch.nn.functional.avg_pool2d(photos, 4)
        points = layer.embed(torch.cat([features, colors], 1)).view(2, HEADS, EMBEDDED, 4, 5)
    sides = [[(0, x) for x in range(5)], [(3, x) for x in range(5)]]
    sides += [[(y, 0) for y in range(4)], [(y, 4) for y in range(4)]]
    sides.append([(y, x) for y in range(4) for x in range(5)])
    for number, side in enumerate(sides):
        for head in range(HEADS):
            here = points[1, head, :, 2, 3]
            others = torch.stack([points[1, head, :, y, x] for y, x in side])
            expected = torch.exp(-((others - here) ** 2).sum(1)).mean()
            assert float(found[1, number * HEADS + head, 2, 3]) == pytest.approx(float(expected), abs=1e-5)


def test_attention_weighs_the_foreground_against_the_rest_by_likeness() -> None:
    torch.manual_seed(0)
    layer = ForegroundAttention(6).eval()
    features, colors = torch.randn(2, 6, 3, 4), torch.randn(2, 3, 3, 4)
    found = merged_by(layer, features, colors)
    with torch.inference_mode():
        inside = torch.sigmoid(layer.first(features))[1, 0].flatten()
        x, y = torch.meshgrid(torch.linspace(-1, 1, 4), torch.linspace(-1, 1, 3), indexing="xy")
        places = torch.stack([x, y]).expand(2, 2, 3, 4)
        points = layer.embed(torch.cat([features, colors, places], 1)).view(2, HEADS, EMBEDDED - 1, 12)
        values = layer.values(features).view(2, HEADS, EMBEDDED - 2, 12)
    told = found.view(2, HEADS, EMBEDDED - 1, 12)
    for head in range(HEADS):
        here = points[1, head, :, 5]
        likeness = torch.exp(-((points[1, head] - here[:, None]) ** 2).sum(0))
        fore = (likeness * inside).sum() / inside.sum()
        rest = (likeness * (1 - inside)).sum() / (1 - inside).sum()
        # LEAST_MASS keeps the odds finite and moves them a little
        assert float(told[1, head, 0, 5]) == pytest.approx(float(fore / (fore + rest)), abs=10 * LEAST_MASS)
        gathered = (values[1, head] * likeness).sum(1) / likeness.sum()
        torch.testing.assert_close(told[1, head, 1:, 5], gathered, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("value", [-100.0, 100.0])
def test_attention_is_finite_where_the_first_map_is_empty_or_full(value: float) -> None:
    layer = ForegroundAttention(6)
    torch.nn.init.zeros_(layer.first.weight)
    assert layer.first.bias is not None
    torch.nn.init.constant_(layer.first.bias, value)
    out = layer(torch.randn(2, 6, 4, 4), torch.randn(2, 3, 4, 4))
    out.sum().backward()
    assert bool(torch.isfinite(out).all())
    assert all(bool(torch.isfinite(p.grad).all()) for p in layer.parameters() if p.grad is not None)
