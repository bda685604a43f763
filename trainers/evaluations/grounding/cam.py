"""Grad-CAM of any score of any convolutional network, by one forward hook."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

from maskgen.errors import UsageError
from maskgen.trainers.losses import grad_cam, rectify, stretch

from ..dense_maps import find_layer


def last_maps(network: nn.Module, side: int, device: torch.device) -> str:
    """The name of the last module that gives (B, C, h, w) maps of more than one place.

    ``layer4`` of a ResNet. Found by a forward pass of one gray picture.

    Args:
        network: in evaluation mode.
        side: of its input, px.
        device: it lies on.

    Raises:
        UsageError: there is none, as in a vision transformer.
    """
    found: list[str] = []

    def note(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] * output.shape[3] > 1:
                found.append(name)

        return hook

    with contextlib.ExitStack() as stack, torch.no_grad():
        for name, module in network.named_modules():
            if name:
                stack.callback(module.register_forward_hook(note(name)).remove)
        network(torch.zeros(1, 3, side, side, device=device))
    if not found:
        raise UsageError(
            f"{type(network).__name__} has no (B, C, h, w) maps at {side} px, which Grad-CAM needs",
            remedy="take a ResNet, or a larger --side",
        )
    return found[-1]


class GradCam:
    """Grad-CAM (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391, equations 1 and 2).

    A hook on one layer puts a fresh leaf in the place of its maps, so that gradients go no further down and
    no weight gets one: a network that is being trained is left as it was.

    Deviation: alpha is the mean over places, as in that paper; CAST (https://arxiv.org/abs/2012.04630) prints
    the sum. A map that is stretched to 0..1 does not know the factor.

    Args:
        network: (B, 3, S, S) to (B, D), in evaluation mode, so that image i depends on input i alone.
        layer: whose maps are weighed, by its name among the network's modules.

    Raises:
        UsageError: there is no such layer.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> from maskgen.trainers.evaluations.grounding.cam import GradCam
        >>> network = nn.Sequential(nn.Identity(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> images = torch.zeros(1, 3, 2, 2)
        >>> images[0, 0, 0, 1], images[0, 1, 1, 0] = 8.0, 8.0
        >>> GradCam(network, "0")(images, lambda features: features @ torch.tensor([1.0, -1.0, 0.0])).tolist()
        [[[0.0, 2.0], [0.0, 0.0]]]
    """

    def __init__(self, network: nn.Module, layer: str) -> None:
        self._network, self._layer = network, find_layer(network, layer)

    def __call__(self, images: Tensor, score: Callable[[Tensor], Tensor]) -> Tensor:
        """The maps after their ReLU.

        Args:
            images: (B, 3, S, S), as the network takes them.
            score: (B, D) features to (B,) scores.

        Returns:
            (B, h, w) float32, at least 0, without a graph.

        Raises:
            UsageError: the layer gives no (B, C, h, w) maps.
        """
        with torch.enable_grad(), self._kept() as maps:
            value = score(self._network(images)).sum()
            cam: Tensor = grad_cam(value, maps[0]) if maps else torch.zeros(0)
        if not maps:
            raise UsageError(
                f"the layer {type(self._layer).__name__} gives no (B, C, h, w) maps",
                remedy="name a convolution",
            )
        return rectify(cam).detach()

    @contextlib.contextmanager
    def _kept(self) -> Iterator[list[Tensor]]:
        maps: list[Tensor] = []

        def hook(_module: nn.Module, _inputs: Any, output: Any) -> Tensor | None:
            if not isinstance(output, Tensor) or output.ndim != 4:
                return None
            leaf = output.detach().requires_grad_()
            maps.append(leaf)
            return (
                leaf * 1
            )  # what follows may work in place, as torchvision's ReLU does; a leaf may not change

        handle = self._layer.register_forward_hook(hook)
        try:
            yield maps
        finally:
            handle.remove()


def enlarge(cam: Tensor, size: tuple[int, int]) -> Tensor:
    """(B, h, w) maps stretched to 0..1 each, and bilinearly enlarged to (B, *size); one without any is 0."""
    shown = stretch(cam)[:, None]
    return nn.functional.interpolate(shown, size, mode="bilinear", align_corners=False)[:, 0]
