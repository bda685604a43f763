"""A recipe's views of photos, masks and backgrounds that lie in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from maskgen.loaders.options import LoaderOptions
from maskgen.loaders.pixels.outputs import BatchMaker
from maskgen.loaders.pixels.render import Renderer
from maskgen.loaders.pixels.sources import draw_sources
from maskgen.loaders.reading.buffers import Taken
from maskgen.loaders.recipes.lookup import as_recipe
from maskgen.loaders.recipes.spec import Recipe, View

from ..errors import UsageError
from ..shards.sample import cut_level
from .pictures import Mask, Picture, as_mask, as_photo, small_masks

if TYPE_CHECKING:
    from maskgen.loaders.batch import Batch


class Augment:
    """Makes batches of views as the loaders do, of pictures that the caller holds.

    The draws are the loaders': a function of (seed, epoch, sample), whatever the batch, the worker and the
    step, but for the choice of other photos, which looks at the batch. The pixels are `TorchLoader`'s. An
    object can be sent to DataLoader's workers; each worker then renders with `threads` threads.

    Args:
        recipe: a name in `RECIPES`, a `Recipe`, or views.
        seed: of the draws.
        threshold: mask value, in (0, 1], from which a pixel counts as foreground.
        threads: CPU threads that make pictures, from 1.
        output: element type of the pictures: ``uint8``, or ``float32``, ``float16`` or ``bfloat16``,
            normalized with ImageNet's mean and deviation.
        device: ``cpu`` or ``cuda``, where the pictures are put; they are made on the CPU.

    Raises:
        UsageError: an unknown recipe, a value out of its range, or a recipe that asks for the confidence in
            masks (`Background.min_confidence`), which masks from elsewhere do not have.

    Example:
        >>> import numpy as np
        >>> from maskgen.augment import Augment
        >>> photos = list(np.random.default_rng(0).integers(0, 256, (2, 60, 80, 3), np.uint8))
        >>> masks = [np.zeros((60, 80), np.bool_) for _ in photos]
        >>> for mask in masks:
        ...     mask[20:40, 30:60] = True
        >>> batch = Augment("mocov2-bg-rm", seed=1)(photos, masks, samples=[0, 1])
        >>> [tuple(view.shape) for view in batch["views"]]
        [(2, 3, 224, 224), (2, 3, 224, 224)]
    """

    def __init__(
        self,
        recipe: Recipe | View | Sequence[View] | str,
        *,
        seed: int = 0,
        threshold: float = 0.5,
        threads: int = 1,
        output: str = "uint8",
        device: str = "cpu",
    ) -> None:
        if not 0 < threshold <= 1:
            raise UsageError(f"threshold={threshold!r} is out of range", remedy="a mask value in (0, 1]")
        self.recipe = as_recipe(recipe)
        if self.recipe.min_confidence > 0:
            raise UsageError(
                "this recipe asks how sure a mask is, and masks from elsewhere do not say",
                remedy="a recipe whose backgrounds have min_confidence 0, or maskgen's loaders",
            )
        self.seed = seed
        self.level = cut_level(threshold)
        self._options = LoaderOptions(output=output, device=device, threads=threads)
        self._renderer: Renderer | None = None

    def __call__(
        self,
        photos: Sequence[Picture],
        masks: Sequence[Mask],
        backgrounds: Sequence[Picture | None] | None = None,
        *,
        samples: Sequence[int] | NDArray[np.integer[Any]] | torch.Tensor,
        epoch: int = 0,
        labels: Sequence[int] | NDArray[np.integer[Any]] | None = None,
    ) -> Batch:
        """One batch.

        Args:
            photos: B pictures, (H, W, 3) uint8 RGB arrays, (3, H, W) uint8 tensors or Pillow's images, each
                of its own size.
            masks: B masks of whole photos, at their size or smaller; bool, uint8 0..255, or float in [0, 1].
            backgrounds: B pictures of the photos without their foregrounds, of any size, as
                `maskgen.make_background` makes them; None where one has none. Such a photo keeps its own
                background free of others' use, but may stand on theirs.
            samples: (B,) numbers of the photos in your data set, from 0: they and the epoch are what the
                draws hang on.
            epoch: from 0.
            labels: (B,) class indices; None: -1 each.

        Returns:
            The loaders' `Batch`; its keys are the samples' numbers as text.

        Raises:
            UsageError: a picture or mask of another shape or type, sequences of different length, or no
                background where the recipe shows them.
        """
        numbers = np.array([int(number) for number in samples], np.int64)
        self._check(numbers, photos, masks, backgrounds)
        pictures = [as_photo(photo) for photo in photos]
        sizes = [(photo.shape[0], photo.shape[1]) for photo in pictures]
        small = small_masks(
            [as_mask(mask) for mask in masks], sizes, self.level, () if labels is None else labels
        )
        behind = [
            None if picture is None else as_photo(picture, "a background") for picture in backgrounds or ()
        ]
        lends = small.sat[:, -1, -1] > 0
        if behind:
            lends = lends & np.array([picture is not None for picture in behind])
        taken = Taken(numbers, small, {}, [str(number) for number in numbers])
        sources = draw_sources(self.recipe, taken, seed=self.seed, epoch=epoch, level=self.level, lends=lends)
        donors = [
            photo if picture is None else picture for photo, picture in zip(pictures, behind, strict=False)
        ]
        arrays = self._render().render(
            pictures,
            sources.table,
            list(sources.masks) if self.recipe.needs_masks else None,
            donors if self.recipe.needs_backgrounds else None,
        )
        tensors = [torch.from_numpy(array).to(self._options.device) for array in arrays]
        return BatchMaker(self.recipe, self._options).batch(sources, tensors)

    def _render(self) -> Renderer:
        if self._renderer is None:
            self._renderer = Renderer(self.recipe, self.level, threads=self._options.threads, reuse=False)
        return self._renderer

    def _check(
        self,
        numbers: NDArray[np.int64],
        photos: Sequence[Picture],
        masks: Sequence[Mask],
        backgrounds: Sequence[Picture | None] | None,
    ) -> None:
        """Refuse a batch whose parts do not belong together."""
        counts = {"photos": len(photos), "masks": len(masks), "samples": len(numbers)}
        if backgrounds is not None:
            counts["backgrounds"] = len(backgrounds)
        if len(set(counts.values())) > 1 or not len(numbers):
            said = ", ".join(f"{count} {name}" for name, count in counts.items())
            raise UsageError(
                f"a batch is made of as many of each, from 1: {said}",
                remedy="one mask and number for each photo",
            )
        if self.recipe.needs_backgrounds and backgrounds is None:
            raise UsageError(
                "this recipe shows other photos' backgrounds, and none were given",
                remedy="maskgen.make_background(photo, mask) makes them",
            )

    def __getstate__(self) -> dict[str, Any]:
        """Without its threads, which cannot be sent to another process."""
        return {**self.__dict__, "_renderer": None}
