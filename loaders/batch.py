"""The batch that every loader gives."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor


class Batch(TypedDict):
    """B rows of V views. Pictures lie on the loader's device, everything else on the CPU.

    Keys:
        views: V tensors (B, 3, S, S), each view with its own S: uint8 RGB 0..255, or float32, float16 or
            bfloat16 normalized with ImageNet's mean and deviation.
        masks: V tensors (B, 1, S, S) uint8, 255 where the view shows foreground, else 0, for the views that
            ask for them (None in the place of the others); None when no view does.
        cam_masks: V tensors (B, k, k) float32, the foreground's share of each cell, 0 to 1; None as above.
        weak: V tensors like `views`, the same crops before the photometric chain and with their own
            backgrounds; None as above.
        masked: V tensors like `views`, the views with their backgrounds at ImageNet's mean; None as above.
        kept: V tensors like `views`, the views on their own backgrounds; None as above.
        boxes: (B, V, 4) float32, the crops (y0, x0, height, width) relative to the photo.
        flips: (B, V) bool, whether the view is flipped left to right.
        replaced: (B, V) uint8, background 0 kept, 1 gray, 2 of another picture.
        skipped: (B, V) bool, whether the background was to be replaced and was kept, for want of foreground
            or of a row that lends its background.
        negative: (B, 3, S, S) like `views`, an extra negative for each row's first view; (B, n, 3, S, S) for
            n of them (`Negative.count`); None without.
        negative_source: (B,) or (B, n) int64, the row whose photo that negative shows; None without.
        matched: (B,) or (B, n) bool, whether it stands on its query's final background (or on that of the
            view that `Negative.background_of` names); None without.
        label: (B,) int64, -1 without a single label.
        key: the B samples' keys.
        sample: (B,) int64, their numbers in the data set.
    """

    views: tuple[Tensor, ...]
    masks: tuple[Tensor | None, ...] | None
    cam_masks: tuple[Tensor | None, ...] | None
    weak: tuple[Tensor | None, ...] | None
    masked: tuple[Tensor | None, ...] | None
    kept: tuple[Tensor | None, ...] | None
    boxes: Tensor
    flips: Tensor
    replaced: Tensor
    skipped: Tensor
    negative: Tensor | None
    negative_source: Tensor | None
    matched: Tensor | None
    label: Tensor
    key: list[str]
    sample: Tensor


def none_if_all_none(parts: Iterable[Tensor | None]) -> tuple[Tensor | None, ...] | None:
    """The parts of V views, tensors of any shape, or None when no view has one."""
    found = tuple(parts)
    return None if all(part is None for part in found) else found
