"""How much of a backbone's likeness of two photos is their backgrounds', while training."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cosine_similarity

from maskgen.augment import compose
from maskgen.backgrounds.make import make_background
from maskgen.errors import UsageError
from maskgen.loaders import Dataset
from maskgen.loaders.dataset.photo_set import PhotoSet
from maskgen.loaders.pixels.normalize import normalize

from ..datasets.masked import MaskedImages, masked_of_shards
from ..distributed.ranks import own_range
from ..methods import Method
from ..presets import Preset
from ..settings import Settings
from .looks import means_by_name, without_damaged

MOST = 512
"""Images that are looked at; drawn once if there are more."""
_TOGETHER = 64
_MIN_VISIBLE = 0.01


@dataclass(frozen=True, eq=False)
class BackgroundMonitor:
    """Whether features follow backgrounds or objects, on up to 512 training photos, by all ranks together.

    Photos i and j, the next one, are cut to their central squares. With f a photo's features, i/j the object
    of i before the background of j, and cos the cosine:

        background reliance = cos(f(i), f(j/i)) - cos(f(i), f(j))
        foreground reliance = cos(f(i), f(i/j)) - cos(f(i), f(j))

    The first is the likeness of a query to a negative on its own background, as BG_Swaps makes it, above that
    to a plain negative (Ryali et al. 2021, section 3.3, https://arxiv.org/abs/2103.12719v1); the second is
    ours: the same of a pair that shares the object alone. A backbone that ignores backgrounds has 0 and
    1 - cos(f(i), f(j)). Backgrounds are the photos' own, tiled over their objects.

    Args:
        images: that are looked at.
        side: of the input, px.
        settings: of the run.
        device: of the network.
    """

    images: MaskedImages
    side: int
    settings: Settings
    device: torch.device

    @classmethod
    def open(
        cls, dataset: Dataset | PhotoSet, preset: Preset, settings: Settings, device: torch.device
    ) -> BackgroundMonitor:
        """On the training shards and their masks.

        Raises:
            UsageError: there are photos alone, or one photo.
        """
        if isinstance(dataset, PhotoSet) or dataset.samples < 2:
            alone = isinstance(dataset, PhotoSet)
            raise UsageError(
                "these photos have no masks to part objects from backgrounds by"
                if alone
                else "one photo has no other's background to stand on",
                where=dataset.where if isinstance(dataset, PhotoSet) else settings.data,
                remedy="--reliance-every 0" + (", or make shards of them with maskgen run" if alone else ""),
            )
        return cls(masked_of_shards(dataset).draw(MOST), preset.views.views[0].size, settings, device)

    def measure(self, method: Method) -> dict[str, float]:
        """``background_reliance`` and ``foreground_reliance``, means over the pairs whose objects both show.

        Damaged photos do not count, with ``on_error="skip"``. Photos and pairs are the same at each look. The
        method is left as it was, and no random number of
        torch's is drawn.
        """
        was = method.training
        method.eval()
        own = [pair_reliance(method.features, self._batch(rows)) for rows in self._chunks()]
        method.train(was)
        scores = torch.cat(own) if own else torch.zeros(0, 2, dtype=torch.float64)
        return means_by_name(("background_reliance", "foreground_reliance"), scores)

    def _chunks(self) -> Iterator[list[int]]:
        """This rank's photos in parts, each with the one that follows."""
        own = own_range(len(self.images))
        for start in range(own.start, own.stop, _TOGETHER):
            stop = min(start + _TOGETHER, own.stop)
            yield [number % len(self.images) for number in range(start, stop + 1)]

    def _batch(self, rows: list[int]) -> Squares:
        images = without_damaged(self.images, self.side, self.settings)
        with ThreadPoolExecutor(self.settings.threads) as threads:
            found = list(threads.map(lambda row: central_square(*images.read(row), self.side), rows))
        stacked = (torch.from_numpy(np.stack(parts)) for parts in zip(*found, strict=True))
        photos, masks, backgrounds = (part.to(self.device) for part in stacked)
        return Squares(photos.movedim(3, 1), masks, backgrounds.movedim(3, 1))


@dataclass(frozen=True)
class Squares:
    """B + 1 photos, of which each of the first B is compared with the next.

    Args:
        photos: (B + 1, 3, S, S) uint8.
        masks: (B + 1, S, S) bool.
        backgrounds: (B + 1, 3, S, S) uint8, the photos without their objects.
    """

    photos: Tensor
    masks: Tensor
    backgrounds: Tensor


def central_square(
    photo: NDArray[np.uint8], mask: NDArray[np.bool_], side: int
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.uint8]]:
    """The largest square in the middle of a photo (H, W, 3), its mask and its background, (S, S) each."""
    height, width = mask.shape
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    inside = np.s_[top : top + short, left : left + short]
    parts = photo[inside], mask[inside].astype(np.uint8), make_background("tiled", photo, mask)[inside]
    how = cv2.INTER_AREA if short > side else cv2.INTER_LINEAR
    small = [
        np.asarray(cv2.resize(part, (side, side), interpolation=how_of))
        for part, how_of in zip(parts, (how, cv2.INTER_NEAREST, how), strict=True)
    ]
    return small[0].astype(np.uint8), small[1].astype(np.bool_), small[2].astype(np.uint8)


@torch.no_grad()
def pair_reliance(features: Callable[[Tensor], Tensor], squares: Squares) -> Tensor:
    """Background and foreground reliance of each pair.

    Args:
        features: (N, 3, S, S), normalized, to (N, D).
        squares: B + 1 photos.

    Returns:
        (B, 2) float64 on the CPU, in [-2, 2]; no number where an object covers less than a hundredth of its
        square, or all of it but that.
    """
    photos, masks, behind = squares.photos, squares.masks, squares.backgrounds
    shares = masks.double().mean((1, 2)).cpu()
    whole = features(normalize(photos)).double()
    other_object = features(normalize(compose(photos[1:], behind[:-1], masks[1:]))).double()
    own_object = features(normalize(compose(photos[:-1], behind[1:], masks[:-1]))).double()
    query = whole[:-1]
    plain = cosine_similarity(query, whole[1:])
    gains = [cosine_similarity(query, near) - plain for near in (other_object, own_object)]
    shown = (shares >= _MIN_VISIBLE) & (shares <= 1 - _MIN_VISIBLE)
    both = shown[:-1] & shown[1:]
    return torch.stack(gains, 1).cpu().where(both[:, None], torch.nan)
