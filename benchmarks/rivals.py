"""The loader's rivals, written as one would without this project.

`loader`: torch DataLoader, webdataset and torchvision v2, on PIL images or on tensors. The same views as the
cases `plain`, `rm` and `swaps` of loader.py: masks and backgrounds are decoded from the shards' PNG and JPEG
members, but only where they are used; a crop's foreground is counted on the mask; the other photo of a swap
is the one before in the worker's stream.

`on_device`: torchvision's decoder of whole batches and its transforms v2, both on a GPU. Plain views.

uint8 tensors come out of both.
"""

from __future__ import annotations

import io
import itertools
import warnings
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision import tv_tensors
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import v2

from maskgen.loaders import Dataset, SampleReader

SIZE, P, FG_MIN, TRIES = 224, 0.2, 0.1, 10
SCALE, RATIO = (0.2, 1.0), (3 / 4, 4 / 3)


class Chain:
    """MoCo v2's chain on a photo, and the same draws on its background."""

    def __init__(self) -> None:
        self.colours = v2.Compose(
            [
                v2.RandomApply([v2.ColorJitter(0.4, 0.4, 0.4, 0.1)], p=0.8),
                v2.RandomGrayscale(0.2),
                v2.RandomApply([v2.GaussianBlur(23, (0.1, 2.0))], p=0.5),
            ]
        )
        self.flip = v2.RandomHorizontalFlip()

    def __call__(self, parts: dict[str, Any], box: tuple[int, int, int, int]) -> dict[str, Any]:
        """The parts cut, flipped and coloured alike; a mask keeps its values."""
        done = {k: v2.functional.resized_crop(part, *box, [SIZE, SIZE]) for k, part in parts.items()}
        turned: dict[str, Any] = self.flip(done)
        mask = turned.pop("mask", None)
        turned = self.colours(turned)
        return turned if mask is None else {**turned, "mask": mask}


class Views:
    """One sample's tensors; a worker's stream of samples."""

    def __init__(self, case: str, kind: str, level: int) -> None:
        self.case = case
        self.kind = kind
        self.level = level
        self.chain = Chain()
        self.before: dict[str, Any] | None = None

    def __call__(self, sample: dict[str, Any]) -> tuple[torch.Tensor, ...]:
        """The views of one sample of a shard."""
        parts = {"photo": self._picture(sample["jpg"])}
        if self.case == "plain":
            boxes = [v2.RandomResizedCrop.get_params(parts["photo"], SCALE, RATIO) for _ in range(2)]
            return tuple(_tensor(self.chain(parts, box)["photo"]) for box in boxes)
        parts["mask"] = self._mask(sample["mask.png"])
        swaps = self.case == "swaps"
        if swaps:
            parts["bg"] = self._picture(sample["bg.jpg"])
        integral = cv2.integral(parts["mask"][0].numpy() // 255)
        views = [self.chain(parts, self._box(parts["photo"], integral)) for _ in range(3 if swaps else 2)]
        shown = [self._behind(view) for view in views[:2]]
        made = [self._on(view, behind) for view, behind in zip(views, shown, strict=False)]
        if swaps:
            # the sample before is the source of the negative, on the background of this one's query
            source = self.before or views[2]
            matched = torch.rand(()) < P
            behind = (shown[0] if shown[0] is not None else _tensor(views[0]["bg"])) if matched else None
            made.append(self._on(source, behind))
            self.before = views[2]
        return tuple(made)

    def _behind(self, view: dict[str, Any]) -> torch.Tensor | None:
        if torch.rand(()) >= P:
            return None
        if self.case == "swaps":
            return _tensor((self.before or view)["bg"])
        return torch.full((3, SIZE, SIZE), int(torch.randint(256, ())), dtype=torch.uint8)

    def _on(self, view: dict[str, Any], behind: torch.Tensor | None) -> torch.Tensor:
        photo = _tensor(view["photo"])
        return photo if behind is None else torch.where(_tensor(view["mask"]) > 0, photo, behind)

    def _box(self, photo: Any, integral: Any) -> tuple[int, int, int, int]:
        for _ in range(TRIES):
            y, x, h, w = v2.RandomResizedCrop.get_params(photo, SCALE, RATIO)
            inside = integral[y + h, x + w] - integral[y, x + w] - integral[y + h, x] + integral[y, x]
            if inside >= FG_MIN * integral[-1, -1]:
                break
        return y, x, h, w

    def _picture(self, data: bytes) -> Any:
        photo = Image.open(io.BytesIO(data)).convert("RGB")
        return photo if self.kind == "PIL" else tv_tensors.Image(v2.functional.pil_to_tensor(photo))

    def _mask(self, data: bytes) -> Any:
        mask = v2.functional.pil_to_tensor(Image.open(io.BytesIO(data)).convert("L"))
        return tv_tensors.Mask((mask >= self.level).to(torch.uint8) * 255)


def _tensor(picture: Any) -> torch.Tensor:
    plain: torch.Tensor = (
        picture.as_subclass(torch.Tensor)
        if isinstance(picture, torch.Tensor)
        else v2.functional.pil_to_tensor(picture)
    )
    return plain


def loader(dataset: Dataset, case: str, *, kind: str, batch: int, workers: int) -> Iterator[Any]:
    """Batches without end."""
    import webdataset

    shards = [str(dataset.tar(shard)) for shard in dataset.shards]
    source = webdataset.WebDataset(shards, resampled=True, shardshuffle=False).shuffle(256)
    made = source.map(Views(case, kind, dataset.level)).batched(batch, partial=False)
    return iter(torch.utils.data.DataLoader(made, batch_size=None, num_workers=workers, prefetch_factor=2))


def on_device(dataset: Dataset, *, batch: int, device: str, views: str) -> Iterator[Any]:
    """Batches without end of two MoCo v2 views of each photo, decoded and computed on a device.

    Args:
        dataset: whose photos are read, in a shuffled order.
        batch: photos a batch.
        device: ``cpu`` or ``cuda``.
        views: ``none``: the decoded photos; ``each``: every view draws its own colors and blur, as here and
            as in the papers; ``batch``: one draw for all first views and one for all second, which is less
            random and costs a GPU far fewer kernels.

    Yields:
        A list of (3, H, W) photos, or two (B, 3, 224, 224) tensors, all uint8.
    """
    warnings.filterwarnings("ignore", ".*deprecated since torchvision 0.29", DeprecationWarning)
    reader, chain = SampleReader(dataset, ("jpg",)), Chain()
    order = dataset.order(0, 0)[np.arange(dataset.samples)]
    for step in itertools.count():
        samples = order[np.arange(step * batch, (step + 1) * batch) % len(order)]
        encoded = [torch.tensor(data) for data in reader.take(samples, ("jpg",)).encoded["jpg"]]
        photos = decode_jpeg(encoded, mode=ImageReadMode.RGB, device=device)
        yield photos if views == "none" else tuple(_view(photos, chain, views) for _ in range(2))


def _view(photos: list[torch.Tensor], chain: Chain, views: str) -> torch.Tensor:
    boxes = [v2.RandomResizedCrop.get_params(photo, SCALE, RATIO) for photo in photos]
    pairs = list(zip(photos, boxes, strict=True))
    if views == "each":
        return torch.stack([chain({"photo": photo}, box)["photo"] for photo, box in pairs])
    cut = [chain.flip(v2.functional.resized_crop(photo, *box, [SIZE, SIZE])) for photo, box in pairs]
    made: torch.Tensor = chain.colours(torch.stack(cut))
    return made
