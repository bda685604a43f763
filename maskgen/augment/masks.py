"""What is done with masks: crops that hold the foreground, and masks spoiled on purpose; tensors of one size.

Random numbers come from a `torch.Generator` of the CPU, or from torch's own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor
from torchvision.transforms.v2 import functional
from torchvision.transforms.v2.functional import InterpolationMode

from maskgen.loaders.recipes.parts import Corruption, Crop
from maskgen.loaders.sampling import crops
from maskgen.loaders.sampling.corruption import corrupt

from ..errors import UsageError
from ..shards.sample import cut_level
from .batches import shaped_masks, soft_masks
from .pictures import levels, small_masks


class Cropped(NamedTuple):
    """Crops, resized.

    Args:
        images: (B, C, size, size), of the type and on the device of those given.
        masks: (B, 1, size, size), likewise.
        boxes: (B, 4) int64, on the CPU: top, left, height, width, px.
    """

    images: Tensor
    masks: Tensor
    boxes: Tensor


def foreground_crops(
    images: Tensor,
    masks: Tensor,
    size: int,
    crop: Crop | None = None,
    *,
    threshold: float = 0.5,
    generator: Generator | None = None,
) -> Cropped:
    """Random resized crops that hold enough of the foreground, by the loaders' laws (`Crop`).

    Args:
        images: (B, C, H, W) whole photos.
        masks: theirs, (B, 1, H, W) or (B, H, W), bool, uint8 0..255, or float in [0, 1].
        size: side of the result, px.
        crop: its law; None: at least a fifth of the foreground (Ryali et al., A.4; CAST).
        threshold: mask value, in (0, 1], from which a pixel counts as foreground.
        generator: of the CPU; None: torch's own.

    Raises:
        UsageError: shapes or types that do not fit each other, no row at all, a size that is no whole number
            from 1, or a law that looks at another view's crop.

    Example:
        >>> import torch
        >>> from maskgen.augment import foreground_crops
        >>> masks = torch.zeros(2, 1, 60, 80)
        >>> masks[..., :30, :40] = 1
        >>> foreground_crops(torch.rand(2, 3, 60, 80), masks, 32).images.shape
        torch.Size([2, 3, 32, 32])
    """
    check_size(size)
    soft = soft_masks(images, masks)
    if not len(soft):
        raise UsageError("there is no photo in this batch", remedy="batches of one row and more")
    found = draw_boxes(soft, Crop(fg_min=0.2) if crop is None else crop, threshold, generator)
    side, pairs = [size, size], list(zip(images, shaped_masks(images, masks), found.tolist(), strict=True))
    # A mask that is enlarged stays soft, and a hard one hard.
    how = InterpolationMode.NEAREST if masks.dtype == torch.bool else InterpolationMode.BILINEAR
    resized: Any = functional.resized_crop
    cut = [resized(image, *box, side, antialias=True) for image, _, box in pairs]
    masked = [resized(mask, *box, side, how, antialias=False) for _, mask, box in pairs]
    return Cropped(torch.stack(cut), torch.stack(masked), found)


def check_size(size: object) -> None:
    """Refuse what is no side of a square crop, px.

    Raises:
        UsageError: it is no whole number from 1.
    """
    if not isinstance(size, int) or size < 1:
        raise UsageError(f"a crop has no size {size!r}", remedy="a whole number of px: crops are square")


def draw_boxes(soft: Tensor, crop: Crop, threshold: float, generator: Generator | None) -> Tensor:
    """(B, 4) int64 crops (top, left, height, width), px, of photos with (B, 1, H, W) uint8 masks.

    Raises:
        UsageError: the law looks at another view's crop.
    """
    if crop.overlap_of is not None or crop.fg_within is not None or crop.iou is not None:
        raise UsageError(
            "this crop is drawn by another view's crop, and there is one view",
            remedy="maskgen.augment.Augment",
        )
    masks = [mask[0].cpu().numpy() for mask in soft]
    size = (soft.shape[-2], soft.shape[-1])
    small = small_masks(masks, [size] * len(masks), cut_level(threshold))
    drawn = torch.rand((len(soft), 1, crops.UNIFORMS), generator=generator).numpy()
    boxes: NDArray[Any] = crops.choose_crops([crop], small.sat, small.meta, drawn)[:, 0] * np.tile(size, 2)
    return torch.from_numpy(np.rint(boxes).astype(np.int64))


def corrupt_masks(masks: Tensor, corruption: Corruption, *, generator: Generator | None = None) -> Tensor:
    """Masks spoiled on purpose, to see how much a method depends on them (`Corruption`).

    As in the loaders this is done on masks of 128 x 128 px, which are then brought back to their size.

    Args:
        masks: (B, 1, H, W) or (B, H, W), bool, uint8 0..255, or float in [0, 1], of whole photos.
        corruption: what is done.
        generator: of the CPU; None: torch's own.

    Returns:
        Of the masks' shape, type and device.

    Raises:
        UsageError: masks of another shape or type.

    Example:
        >>> import torch
        >>> from maskgen.augment import Corruption, corrupt_masks
        >>> masks = torch.zeros(1, 1, 64, 64)
        >>> masks[..., 16:48, 8:24] = 1
        >>> spoiled = corrupt_masks(masks, Corruption(change="centred_rectangle", amount=0.25))
        >>> round(float(spoiled.mean()), 2), int(spoiled[0, 0, 32, 32])
        (0.25, 1)
    """
    soft = levels(masks).reshape(-1, 1, *masks.shape[-2:])
    size = (soft.shape[-2], soft.shape[-1])
    small = small_masks([mask[0].cpu().numpy() for mask in soft], [size] * len(soft), 128)
    seed = int(torch.randint(0, 2**62, (), generator=generator))
    made = corrupt(corruption, small, np.arange(len(soft)), seed=seed, epoch=0, level=128).fg
    grown: Tensor = functional.resize(
        torch.from_numpy(made)[:, None], list(size), InterpolationMode.BILINEAR, antialias=True
    )
    grown = grown.to(masks.device).reshape(masks.shape)
    if masks.dtype == torch.bool:
        return grown >= 128
    return grown if masks.dtype == torch.uint8 else (grown.float() / 255).to(masks.dtype)
