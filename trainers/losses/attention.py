"""CAST: the Grad-CAM of a contrastive score, and its distance from a saliency mask."""

from __future__ import annotations

import torch
from torch import Tensor

from .precision import in_float32, widen

_TINY = 1e-10  # squared, still a float32


def grad_cam(score: Tensor, maps: Tensor) -> Tensor:
    """The raw map sum_n alpha_n A_n, alpha = mean over places of d score / d A.

    https://arxiv.org/abs/2012.04630, equations 1 and 2.

    Deviation: the paper sums over places where this takes the mean; equation 4 does not see the factor.

    Args:
        score: scalar made from `maps`, summed over the batch: row i must depend on `maps[i]` alone.
        maps: (B, C, h, w), the last convolutional layer's output.

    Returns:
        (B, h, w) float32 of any sign, with its graph: its loss has second derivatives.

    Raises:
        RuntimeError: the score does not depend on the maps (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import grad_cam
        >>> maps = torch.ones(1, 2, 2, 2, requires_grad=True)
        >>> grad_cam((maps[:, 0].sum() - maps[:, 1].sum()), maps).tolist()
        [[[0.0, 0.0], [0.0, 0.0]]]
    """
    (gradient,) = torch.autograd.grad(score, maps, create_graph=True)
    weights: Tensor = widen(gradient).mean(dim=(2, 3), keepdim=True)
    wide: Tensor = widen(maps)
    return (weights * wide).sum(dim=1)


def rectify(cam: Tensor) -> Tensor:
    """ReLU of the (B, h, w) map: equation 2 of https://arxiv.org/abs/2012.04630.

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import rectify
        >>> rectify(torch.tensor([[[-1.0, 2.0]]])).tolist()
        [[[0.0, 2.0]]]
    """
    return cam.relu()


def stretch(cam: Tensor) -> Tensor:
    """The (B, h, w) map with its least value at 0 and its greatest at 1: what the code computes.

    There a ReLU follows a min-max step done in place, and so has no effect.

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import stretch
        >>> stretch(torch.tensor([[[-1.0, 0.0, 3.0]]])).tolist()
        [[[0.0, 0.25, 1.0]]]
    """
    low, high = cam.amin(dim=(1, 2), keepdim=True), cam.amax(dim=(1, 2), keepdim=True)
    return (cam - low) / (high - low + _TINY)


@in_float32
def attention_loss(cam: Tensor, mask: Tensor, whole_batch: bool = False) -> Tensor:
    """1 - cos(G, M), the mean over images: https://arxiv.org/abs/2012.04630, eq. 4.

    Deviation: an image whose mask is empty has weight 0, where the code draws another image in its place:
    here a batch follows from seed and epoch alone. One whose map is zero everywhere has cosine 0 and no
    gradient.

    Args:
        cam: (B, h, w), not negative.
        mask: (B, h, w) in [0, 1], the saliency.
        whole_batch: one cosine over the flattened batch, as in the code.

    Returns:
        A float32 scalar from 0 to 1.

    Raises:
        RuntimeError: the shapes differ (torch).

    Example:
        >>> import torch
        >>> from maskgen.trainers.losses import attention_loss
        >>> mask = torch.tensor([[[1.0, 0.0]]])
        >>> attention_loss(mask, mask).item(), attention_loss(1 - mask, mask).item()
        (0.0, 1.0)
    """
    flat_cam, flat_mask = cam.flatten(1), mask.flatten(1).to(cam.dtype)
    if whole_batch:
        flat_cam, flat_mask = flat_cam.reshape(1, -1), flat_mask.reshape(1, -1)
    length = (flat_cam.square().sum(1) + _TINY**2).sqrt() * flat_mask.norm(dim=1).clamp_min(_TINY)
    cosine = (flat_cam * flat_mask).sum(1) / length
    loss: Tensor = ((1 - cosine) * flat_mask.any(dim=1)).mean()
    return loss
