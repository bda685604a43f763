"""The maps of a network for a photo and its mirror image, where the network is known by hand."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from maskgen.errors import ImageFault  # noqa: E402
from maskgen.methods.network import NetworkInput  # noqa: E402
from maskgen.methods.networks.deepusps.torch_runner import MirroredMaps, deepusps_infer  # noqa: E402

INPUT = NetworkInput(8, divisor="255")


class Red(torch.nn.Module):
    """Logits: the normalized red plane, and a slope to the right that the mirror image does not have."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, 0] + torch.arange(x.shape[3], dtype=x.dtype)


def test_maps_are_the_mean_of_both_ways_to_look_and_are_not_stretched() -> None:
    red = np.random.default_rng(0).integers(0, 256, (2, 8, 8))
    pixels = np.zeros((2, 8, 8, 3), np.uint8)
    pixels[..., 0] = red
    logit, slope = (red / 255 - 0.485) / 0.229, np.arange(8)
    wanted = (1 / (1 + np.exp(-logit - slope)) + 1 / (1 + np.exp(-logit - slope[::-1]))) / 2
    found = deepusps_infer(Red(), INPUT, device="cpu", precision="fp32")(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_map_that_is_not_finite_costs_its_photo_only() -> None:
    pixels = np.full((2, 8, 8, 3), 100, np.float32)
    pixels[1, 3, 3, 0] = np.inf
    pixels[1, 3, 4, 0] = -np.inf  # both sigmoids are finite
    network = MirroredMaps(Red(), None)
    with torch.inference_mode():
        assert torch.isfinite(network(torch.from_numpy(pixels))).all()
    pixels[1, 3, 3, 0] = np.nan
    infer = deepusps_infer(Red(), INPUT, device="cpu", precision="fp32")
    found = infer(pixels)
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()
    with pytest.raises(ImageFault, match="non-finite"):
        infer(pixels[1:])
