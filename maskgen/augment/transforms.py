"""The augmentations as torchvision's transforms, for one photo and its mask at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image as PillowImage
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional

from maskgen.loaders.recipes.parts import Background, Corruption, Crop

from ..errors import UsageError
from .batches import check_law, compose, gray_pictures, shows_enough
from .masks import check_size, corrupt_masks, draw_boxes
from .pictures import as_photo, levels

_PICTURES = (tv_tensors.Image, PillowImage)


class _WithMask(v2.Transform):  # type: ignore[misc] # torchvision has no types
    """Finds the mask among what is transformed; no mask is an error, never a photo left as it is."""

    def _mask(self, flat_inputs: list[Any]) -> Tensor:
        """(1, 1, H, W) uint8 of the `tv_tensors.Mask`; of several objects' masks the union."""
        for one in flat_inputs:
            if isinstance(one, tv_tensors.Mask):
                soft = levels(one.as_subclass(Tensor))
                return soft.reshape(-1, *soft.shape[-2:]).amax(dim=0)[None, None]
        raise UsageError(
            f"{type(self).__name__} was given no mask",
            remedy="torchvision.tv_tensors.Mask(mask) beside the photo",
        )

    def _photos(self, flat_inputs: list[Any], soft: Tensor) -> None:
        """Make sure that there is a photo, and that the mask has its size.

        Raises:
            UsageError: there is none, or one of another size.
        """
        plain = [one for one in flat_inputs if type(one) is Tensor][:1]  # the one that torchvision looks at
        photos: list[Any] = [one for one in flat_inputs if isinstance(one, _PICTURES)] or plain
        if not any(map(_is_photo, photos)):
            raise UsageError(
                f"{type(self).__name__} was given no photo",
                remedy="v2.ToImage() makes a tv_tensors.Image of an array or of an image of Pillow's",
            )
        (height, width), size = soft.shape[-2:], functional.get_size(photos[0])
        if size != [height, width]:
            raise UsageError(
                f"a mask of {height} x {width} px beside a photo of {size[0]} x {size[1]} px",
                remedy="masks that cover their photo pixel by pixel: MaskReader.hard gives such",
            )


class ReplaceBackground(_WithMask):
    """BG_RM or BG_Random for one photo (Ryali et al., 2.2, https://arxiv.org/abs/2103.12719).

    Photos are `tv_tensors.Image`, Pillow's images, or the first plain tensor where there is neither; masks
    are `tv_tensors.Mask`, bool, uint8 0..255 or float in [0, 1], and stay as they are.

    Args:
        background: what is done, and how often; ``replace="donor"`` needs `backgrounds`.
        backgrounds: pictures without foregrounds to choose from evenly, or a function that gives one:
            (H, W, 3) uint8 arrays as `make_background` makes them, Pillow's images, or (3, H, W) tensors of
            any type. A random crop of one is shown.
        crop: law of that crop.
        threshold: mask value, in (0, 1], from which a pixel counts as foreground.

    Raises:
        UsageError: ``donor`` without backgrounds, or `min_confidence`; when it is called, no photo or no
            mask, one of another size than the other, or a floating photo far from [0, 1] for gray levels.

    Example:
        >>> import torch
        >>> from torchvision import tv_tensors
        >>> from maskgen.augment import Background, ReplaceBackground
        >>> photo = tv_tensors.Image(torch.zeros(3, 8, 8, dtype=torch.uint8))
        >>> mask = tv_tensors.Mask(torch.ones(1, 8, 8).tril().bool())
        >>> photo, mask = ReplaceBackground(Background(replace="grey", p=1.0, gray=1.0))(photo, mask)
        >>> photo[0, 0].tolist()
        [0, 255, 255, 255, 255, 255, 255, 255]
    """

    def __init__(
        self,
        background: Background,
        backgrounds: Sequence[Any] | Callable[[], Any] | None = None,
        *,
        crop: Crop | None = None,
        threshold: float = 0.5,
    ) -> None:
        super().__init__()
        some = callable(backgrounds) or (backgrounds is not None and len(backgrounds) > 0)
        if background.replace == "donor" and not some:
            raise UsageError(
                "BG_Random shows other photos' backgrounds, and none were given",
                remedy="a list of them, or a function; maskgen.make_background(photo, mask) makes one",
            )
        check_law(background)
        law = Crop() if crop is None else crop
        self.background, self.backgrounds, self.threshold = background, backgrounds, threshold
        self._cut = (law.scale, law.ratio)

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The mask, the gray level, and the background if it is to be another's."""
        soft = self._mask(flat_inputs)
        self._photos(flat_inputs, soft)
        coin, gray = torch.rand(2)
        replaced = bool(shows_enough(soft, self.background, self.threshold)) and bool(
            coin < self.background.p
        )
        behind = None
        if replaced and self.background.replace == "donor":
            side = v2.RandomResizedCrop([*soft.shape[-2:]], *self._cut, antialias=True)
            behind = v2.RandomHorizontalFlip()(side(_tensor(self._chosen())))
        return {"soft": soft, "replaced": replaced, "behind": behind, "gray": gray[None]}

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The photo on its background; anything else as it is."""
        if not _is_photo(inpt) or not params["replaced"]:
            return inpt
        pixels, behind = _tensor(inpt)[None], params["behind"]
        if behind is None:
            other = gray_pictures(pixels, self.background, params["gray"])
        else:
            other = functional.to_dtype(behind, pixels.dtype, scale=True)[None].to(pixels.device)
        soft, softness = params["soft"].to(pixels.device), self.background.softness
        made = compose(pixels, other, soft, threshold=self.threshold, softness=softness)[0]
        return functional.to_pil_image(made) if isinstance(inpt, PillowImage) else _like(made, inpt)

    def _chosen(self) -> Any:
        source = () if self.backgrounds is None else self.backgrounds
        return source() if callable(source) else source[int(torch.randint(len(source), ()))]


class ForegroundCrop(_WithMask):
    """A random resized crop that holds enough of the foreground; everything is cropped alike, boxes too.

    Args:
        size: side of the result, px.
        crop: its law; None: at least a fifth of the foreground (Ryali et al., A.4; CAST).
        threshold: mask value, in (0, 1], from which a pixel counts as foreground.

    Raises:
        UsageError: a law that looks at another view's crop, or a size that is no whole number from 1; when it
            is called, no photo or no mask, or one of another size than the other.

    Example:
        >>> import torch
        >>> from torchvision import tv_tensors
        >>> from maskgen.augment import ForegroundCrop
        >>> photo = tv_tensors.Image(torch.zeros(3, 60, 80, dtype=torch.uint8))
        >>> mask = tv_tensors.Mask(torch.eye(60, 80).bool())
        >>> photo, mask = ForegroundCrop(32)(photo, mask)
        >>> tuple(photo.shape), tuple(mask.shape), bool(mask.any())
        ((3, 32, 32), (32, 32), True)
    """

    def __init__(self, size: int, crop: Crop | None = None, *, threshold: float = 0.5) -> None:
        super().__init__()
        check_size(size)
        self.size, self.threshold = size, threshold
        self.crop = Crop(fg_min=0.2) if crop is None else crop
        draw_boxes(torch.zeros((1, 1, 8, 8), dtype=torch.uint8), self.crop, threshold, torch.Generator())

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """The crop: top, left, height, width, px."""
        soft = self._mask(flat_inputs)
        self._photos(flat_inputs, soft)
        box = draw_boxes(soft, self.crop, self.threshold, None)[0]
        return dict(zip(("top", "left", "height", "width"), box.tolist(), strict=True))

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """The crop of a photo, a mask, or boxes."""
        return self._call_kernel(
            functional.resized_crop, inpt, **params, size=[self.size, self.size], antialias=True
        )


class CorruptMask(v2.Transform):  # type: ignore[misc]
    """Spoils masks on purpose, see `corrupt_masks`; photos stay as they are.

    Args:
        corruption: what is done.

    Example:
        >>> import torch
        >>> from torchvision import tv_tensors
        >>> from maskgen.augment import Corruption, CorruptMask
        >>> mask = tv_tensors.Mask(torch.eye(64).bool())
        >>> bool(CorruptMask(Corruption(change="box"))(mask).all())
        True
    """

    def __init__(self, corruption: Corruption) -> None:
        super().__init__()
        self.corruption = corruption

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:  # noqa: ARG002 - each mask draws its own
        """A mask spoiled; anything else as it is."""
        if not isinstance(inpt, tv_tensors.Mask):
            return inpt
        masks = inpt.as_subclass(Tensor)
        made = corrupt_masks(masks.reshape(-1, *masks.shape[-2:]), self.corruption).reshape(masks.shape)
        return _like(made, inpt)


def _is_photo(one: Any) -> bool:
    """Whether it is a picture; torchvision's transforms never ask about plain tensors beside an image."""
    return isinstance(one, _PICTURES) or (type(one) is Tensor and one.ndim >= 3)


def _like(made: Tensor, one: Any) -> Any:
    """A tensor as the kind of `tv_tensors` that another is."""
    wrap: Any = tv_tensors.wrap
    return wrap(made, like=one)


def _tensor(picture: Any) -> Tensor:
    """A picture's pixels as a plain (3, H, W) tensor."""
    if isinstance(picture, np.ndarray):
        return torch.from_numpy(np.ascontiguousarray(as_photo(picture, "a background").transpose(2, 0, 1)))
    pillow = isinstance(picture, PillowImage)
    found: Tensor = (
        functional.pil_to_tensor(picture.convert("RGB")) if pillow else picture.as_subclass(Tensor)
    )
    return found
