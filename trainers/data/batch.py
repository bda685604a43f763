"""A loader's batch as what a method trains on: normalized float views on one device."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from maskgen.loaders.batch import Batch
from maskgen.loaders.pixels.normalize import normalize


@dataclass(frozen=True)
class Views:
    """B rows of V views on one device; see `maskgen.loaders.Batch`.

    Args:
        views: V tensors (B, 3, S, S), float, normalized with ImageNet's mean and deviation; each has its own
            S.
        masks: V times (B, 1, S, S) uint8, 255 is foreground, or None.
        cam_masks: V times (B, k, k) float32, the foreground's share of each cell, or None.
        weak: V tensors like `views`, or None: the crops before the photometric chain.
        masked: V tensors like `views`, or None: the views with their backgrounds at zero.
        negative: (B, 3, S, S) like `views`: each query's extra negative (BG_Swaps); (B, n, 3, S, S) for n of
            them; None without.
        matched: (B,) or (B, n) bool: whether that negative stands on its query's background; None without.
        kept: V tensors like `views`, or None: the views on their own backgrounds.
        replaced: (B, V) uint8: whose background was replaced, not 0; None in views made by hand.
        label: (B,) int64, -1 where there is none; None in views made by hand without labels.
    """

    views: tuple[Tensor, ...]
    masks: tuple[Tensor | None, ...] = ()
    cam_masks: tuple[Tensor | None, ...] = ()
    weak: tuple[Tensor | None, ...] = ()
    masked: tuple[Tensor | None, ...] = ()
    negative: Tensor | None = None
    matched: Tensor | None = None
    kept: tuple[Tensor | None, ...] = ()
    replaced: Tensor | None = None
    label: Tensor | None = None

    def __len__(self) -> int:
        return len(self.views[0])


def to_device(
    batch: Batch,
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
    *,
    channels_last: bool = False,
) -> Views:
    """The part of a loader's batch that methods use, on a device, its pictures normalized.

    Args:
        batch: pictures uint8 0..255, or already normalized floats.
        device: where everything goes; a copy from pinned memory does not wait.
        dtype: of the pictures.
        channels_last: their memory format.
    """
    target = torch.device(device)
    layout = torch.channels_last if channels_last else torch.preserve_format

    def picture(value: Tensor | None) -> Tensor | None:
        if value is None:
            return None
        if value.ndim == 5:
            made = picture(value.flatten(0, 1))
            return None if made is None else made.reshape(value.shape)
        return normalize(value.to(target, non_blocking=True), dtype).to(memory_format=layout)

    def pictures(values: tuple[Tensor | None, ...] | None) -> tuple[Tensor | None, ...]:
        return tuple(picture(value) for value in values or ())

    def moved(value: Tensor | None) -> Tensor | None:
        return None if value is None else value.to(target, non_blocking=True)

    return Views(
        views=tuple(view for view in pictures(batch["views"]) if view is not None),
        masks=tuple(moved(mask) for mask in batch["masks"] or ()),
        cam_masks=tuple(moved(mask) for mask in batch["cam_masks"] or ()),
        weak=pictures(batch["weak"]),
        masked=pictures(batch["masked"]),
        negative=picture(batch["negative"]),
        matched=moved(batch["matched"]),
        kept=pictures(batch["kept"]),
        replaced=moved(batch["replaced"]),
        label=moved(batch["label"]),
    )
