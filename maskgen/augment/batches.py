"""The augmentations as functions of tensors: batches of one size, on any device, whose type they keep.

Random numbers come from a `torch.Generator` of the CPU, or from torch's own: set its seed, and the same calls
draw the same again, on every device.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Generator, Tensor

from maskgen.loaders.recipes.parts import Background
from maskgen.loaders.sampling.backgrounds import draw_others

from ..errors import UsageError
from ..shards.sample import cut_level
from .pictures import levels

_BEYOND = 0.5
"""How far floating images may leave [0, 1], as those that were resized bicubically do."""


class Replaced(NamedTuple):
    """Pictures on other backgrounds.

    Args:
        images: (B, C, H, W), of the type and on the device of those given.
        replaced: (B,) bool, on the CPU: whose background is another.
    """

    images: Tensor
    replaced: Tensor


def compose(
    images: Tensor, backgrounds: Tensor, masks: Tensor, *, threshold: float = 0.5, softness: float = 0.0
) -> Tensor:
    """Images where the mask is foreground, backgrounds elsewhere.

    For uint8 images, the loaders' pixels exactly.

    Args:
        images: (B, C, H, W) uint8, or floating in any range.
        backgrounds: of the same type, of a shape that broadcasts to theirs.
        masks: (B, 1, H, W) or (B, H, W), bool, uint8 0..255, or float in [0, 1].
        threshold: mask value, in (0, 1], from which a pixel counts as foreground.
        softness: width of the blended edge in mask values, [0, 1]; 0 cuts hard at the threshold.

    Returns:
        (B, C, H, W), of the images' type.

    Raises:
        UsageError: shapes or types that do not fit each other.

    Example:
        >>> import torch
        >>> from maskgen.augment import compose
        >>> white, black = torch.full((1, 3, 1, 2), 255, dtype=torch.uint8), torch.zeros(1, 3, 1, 2).byte()
        >>> compose(white, black, torch.tensor([[[[True, False]]]]))[0, 0].tolist()
        [[255, 0]]
    """
    soft, level = soft_masks(images, masks), cut_level(threshold)
    if backgrounds.dtype != images.dtype:
        raise UsageError(
            f"images are {images.dtype} and backgrounds {backgrounds.dtype}",
            remedy="backgrounds.to(images.dtype)",
        )
    if not softness:
        return torch.where(soft >= level, images, backgrounds)
    share = ((soft.float() - level) / (255 * softness) + 0.5).clamp(0, 1)
    if images.dtype == torch.uint8:
        return (images * share + backgrounds * (1 - share)).round().to(torch.uint8)
    return images * share.to(images.dtype) + backgrounds * (1 - share).to(images.dtype)


def replace_backgrounds(
    images: Tensor,
    masks: Tensor,
    background: Background,
    backgrounds: Tensor | None = None,
    *,
    threshold: float = 0.5,
    generator: Generator | None = None,
) -> Replaced:
    """BG_RM and BG_Random (Ryali et al., 2.2, https://arxiv.org/abs/2103.12719) on finished views.

    ``Background(replace="grey", p=0.2)`` is BG_RM: one gray level per view. ``replace="donor"`` is BG_Random:
    the background of another row, drawn evenly of those that have a foreground. Both come after the
    photometric chain, as in the paper; for its variant before the chain, call this before yours. `min_area`
    and `min_visible` are both measured on the views given.

    Args:
        images: (B, C, H, W) uint8 0..255, or floating; where gray levels are drawn, floating images are taken
            to be in [0, 1], not yet normalized.
        masks: (B, 1, H, W) or (B, H, W), bool, uint8 0..255, or float in [0, 1], cut as the images are.
        background: what is done, and how often.
        backgrounds: for ``donor``, (B, C, H, W) pictures of the rows without their foregrounds, cut and
            colored as their rows' own views.
        threshold: mask value, in (0, 1], from which a pixel counts as foreground.
        generator: of the CPU; None: torch's own.

    Raises:
        UsageError: shapes or types that do not fit each other, no backgrounds for ``donor``, floating images
            far from [0, 1] for gray levels, or `min_confidence`, which these masks do not have.

    Example:
        >>> import torch
        >>> from maskgen.augment import Background, replace_backgrounds
        >>> images, masks = torch.zeros(2, 3, 8, 8), torch.zeros(2, 1, 8, 8)
        >>> masks[0, :, :4] = 1
        >>> law = Background(replace="grey", p=1.0, gray=0.5)
        >>> replace_backgrounds(images, masks, law).replaced.tolist()  # the second shows no foreground
        [True, False]
    """
    soft = soft_masks(images, masks)
    check_law(background)
    if background.replace == "donor":
        check_backgrounds(images, backgrounds, "BG_Random shows other rows' backgrounds")
    coin, other, gray = torch.rand((3, len(images)), generator=generator).unbind()
    lends = foreground_shares(soft, threshold) > 0
    chosen = lends & shows_enough(soft, background, threshold) & (coin < background.p)
    if background.replace == "donor" and backgrounds is not None:
        rows = torch.from_numpy(draw_others(other.numpy(), np.arange(len(images)), lends.numpy()))
        chosen &= rows != torch.arange(len(images))
        behind = backgrounds[rows.to(backgrounds.device)]
    elif background.replace == "grey":
        behind = gray_pictures(images, background, gray)
    else:
        chosen, behind = torch.zeros_like(chosen), images
    made = compose(images, behind, soft, threshold=threshold, softness=background.softness)
    return Replaced(torch.where(chosen.to(images.device)[:, None, None, None], made, images), chosen)


def check_backgrounds(images: Tensor, backgrounds: Tensor | None, why: str) -> Tensor:
    """The backgrounds, one for each row of (B, C, H, W) images.

    Raises:
        UsageError: there are none, or they are of another shape than their images.
    """
    if backgrounds is None:
        raise UsageError(
            f"{why}, and none were given", remedy="maskgen.make_background(photo, mask) makes them"
        )
    if backgrounds.shape != images.shape:
        raise UsageError(
            f"images of shape {tuple(images.shape)} do not go with backgrounds of shape "
            f"{tuple(backgrounds.shape)}",
            remedy="one background for each row, of its size",
        )
    return backgrounds


def check_law(background: Background) -> None:
    """Refuse what masks from elsewhere cannot answer.

    Raises:
        UsageError: the law asks how sure a mask is.
    """
    if background.min_confidence:
        raise UsageError("these masks do not say how sure they are", arguments=[("min_confidence", 0)])


def shows_enough(soft: Tensor, background: Background, threshold: float) -> Tensor:
    """(B,) bool, on the CPU: whether (B, 1, H, W) uint8 masks hold as much foreground as is asked for."""
    share = foreground_shares(soft, threshold)
    return (share > 0) & (share >= max(background.min_area, background.min_visible))


def foreground_shares(soft: Tensor, threshold: float) -> Tensor:
    """(B,) float32, on the CPU: the foreground's share of each of (B, 1, H, W) uint8 masks."""
    return (soft >= cut_level(threshold)).flatten(1).float().mean(dim=1).cpu()


def soft_masks(images: Tensor, masks: Tensor) -> Tensor:
    """The masks as (B, 1, H, W) uint8, checked against their images.

    Raises:
        UsageError: shapes or types that do not fit each other.
    """
    for given in (images, masks):
        if not isinstance(given, Tensor):
            raise UsageError(f"a {type(given).__name__} is no tensor", remedy="torch.from_numpy(array)")
    if images.ndim != 4:
        raise UsageError(f"images have the shape {tuple(images.shape)}", remedy="(B, C, H, W)")
    if images.dtype != torch.uint8 and not images.dtype.is_floating_point:
        raise UsageError(f"images are {images.dtype}", remedy="uint8, or a floating type")
    return levels(shaped_masks(images, masks))


def shaped_masks(images: Tensor, masks: Tensor) -> Tensor:
    """(B, 1, H, W) masks of (B, C, H, W) images, of the masks' type.

    Raises:
        UsageError: they are not.
    """
    shaped = masks[:, None] if masks.ndim == 3 else masks
    if shaped.shape != (len(images), 1, *images.shape[2:]):
        raise UsageError(
            f"images of shape {tuple(images.shape)} do not go with masks of shape {tuple(masks.shape)}",
            remedy="masks (B, 1, H, W) or (B, H, W)",
        )
    return shaped


def gray_pictures(images: Tensor, background: Background, drawn: Tensor) -> Tensor:
    """(B, 1, 1, 1) gray pictures in the images' type: 256 levels, as the loaders draw them.

    Raises:
        UsageError: floating images that are far from [0, 1], among which the levels would be no grays.
    """
    if images.dtype != torch.uint8 and images.numel():
        least, most = (float(bound) for bound in images.detach().aminmax())
        if not (least >= -_BEYOND and most <= 1 + _BEYOND):
            raise UsageError(
                f"the values of floating images reach from {least:g} to {most:g}",
                cause="gray levels are drawn in [0, 1]: images are not normalized yet, or are of 0 to 255",
                remedy="replace backgrounds before Normalize, and images / 255 of levels",
            )
    whole = (
        torch.floor(drawn * 256)
        if background.gray is None
        else torch.full_like(drawn, background.gray * 255).round()
    )
    level = whole if images.dtype == torch.uint8 else whole / 255
    return level.to(images.device, images.dtype)[:, None, None, None]
