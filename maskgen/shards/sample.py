"""One sample: from arrays to the members of the tar and the row of the table."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from ..config.run_config import RunConfig
from ..io.checksum import crc32c
from ..io.images.encode import encode_jpeg, encode_lean_mask, encode_mask_png, encode_photo_png, resize_mask
from ..types import RGB, Box, Filled, HardMask, Label, SoftMask
from . import coverage, naming, patch
from .confidence import mask_confidence
from .meta import pack_meta

if TYPE_CHECKING:
    from hashlib import _Hash as HASH

_NOWHERE = Box(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class MaskPair:
    """A mask as it is stored and what counts as foreground at the photo's size.

    Args:
        stored: (h, w) uint8, soft 0..255, or 0 and 255 when binary.
        hard: (H, W) bool at the size of the stored photo, made from `stored` alone.
        small: (128, 128) uint8, `stored` squeezed to a square.
    """

    stored: NDArray[np.uint8]
    hard: HardMask
    small: NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class SampleId:
    """What the plan knows of a sample: its key, label and original path."""

    key: str
    label: Label
    path: str


class StoredPhoto(NamedTuple):
    """A photo on its way into a shard.

    Args:
        image: (H, W, 3) uint8 RGB, upright.
        verbatim: the source's bytes when they may be stored as they are.
        damage: how a part of the picture was lost; empty for a sound one.
        hashed: SHA-256 of `verbatim`, where it is known already; it is copied, never changed.
    """

    image: RGB
    verbatim: bytes | None = None
    damage: str = ""
    hashed: HASH | None = None


@dataclass(frozen=True, slots=True)
class Encoded:
    """A finished sample.

    Args:
        key: of the sample.
        members: in tar order, as (extension, bytes).
        row: for the table.
        hashed: SHA-256 of the first member's bytes, where it is known already; it is copied, never changed.
    """

    key: str
    members: tuple[tuple[str, bytes], ...]
    row: dict[str, Any]
    hashed: HASH | None = field(default=None, compare=False, repr=False)

    def content_sha256(self) -> str:
        """Of all members' bytes, in order."""
        content, rest = (self.hashed.copy(), 1) if self.hashed else (hashlib.sha256(), 0)
        for _, data in self.members[rest:]:
            content.update(data)
        return content.hexdigest()


def cut_level(threshold: float, *, binary: bool = False) -> int:
    """The smallest stored mask value, 1..255, that counts as foreground.

    128 where masks are stored binary.
    """
    return 128 if binary else min(255, max(1, round(threshold * 255)))


def store_mask(mask: SoftMask, threshold: float, config: RunConfig) -> MaskPair:
    """Quantize and, when asked, binarize and shrink a mask; the hard mask is made from what is stored.

    Args:
        mask: (H, W) float32 in [0, 1].
        threshold: mask value from which a pixel is foreground.
        config: `binary`, `mask_side` and `members` are read.

    Raises:
        ValueError: the mask is not finite: the method is at fault.
    """
    size = (mask.shape[0], mask.shape[1])
    stored = mask_levels(mask, threshold, config)
    hard = hard_mask(stored, cut_level(threshold, binary=config.binary), size)
    return MaskPair(stored, hard, coverage.small_mask(stored))


def mask_levels(mask: SoftMask, threshold: float, config: RunConfig) -> NDArray[np.uint8]:
    """The (h, w) uint8 mask that is stored, see `store_mask`.

    Raises:
        ValueError: the mask is not finite.
    """
    stored = _quantize(mask)
    level = cut_level(threshold)
    if config.members == "lean":
        stored = coverage.lean_mask(stored, level)
    else:
        stored = resize_mask(stored, stored_mask_size((mask.shape[0], mask.shape[1]), config.mask_side))
    if config.binary:
        stored = np.where(stored >= level, np.uint8(255), np.uint8(0))
    return stored


def stored_mask_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """(height, width) of a stored mask, px.

    Args:
        size: (height, width) of the photo, px.
        side: long side of a stored mask, px; 0, or one above the photo's, keeps the photo's size.
    """
    if not side or max(size) <= side:
        return size
    scale = side / max(size)
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _quantize(mask: SoftMask) -> NDArray[np.uint8]:
    """(H, W) uint8 0..255, rounded to nearest; values beyond [0, 1] become its ends."""
    low, high = mask.min(initial=0), mask.max(initial=0)  # both are NaN where one value is
    inside = mask
    if not (low >= 0 and high <= 1):
        if not np.isfinite(mask).all():
            raise ValueError("the method returned a mask with values that are not finite")
        inside = np.clip(mask, 0, 1)
    return np.asarray(
        cv2.convertScaleAbs(inside, alpha=255), np.uint8
    )  # 5 x as fast as numpy's, the same values


def hard_mask(stored: NDArray[np.uint8], level: int, size: tuple[int, int]) -> HardMask:
    """The (H, W) bool foreground at `size` of a stored (h, w) uint8 mask."""
    full = stored if stored.shape == size else resize_mask(stored, size)
    hard: HardMask = full >= level
    return hard


def encode_sample(
    sample: SampleId,
    photo: StoredPhoto,
    masks: MaskPair,
    filled: Filled | None,
    free: Box,
    config: RunConfig,
) -> Encoded:
    """Encode one sample.

    Args:
        sample: key, label and path.
        photo: its pixels, and what is known of its bytes.
        masks: the stored and the hard mask.
        filled: the background, or None without one.
        free: the largest rectangle without foreground, px.
        config: layout, qualities, sizes, the background store and the photos' format are read; ``auto`` is
            ``jpg`` here, where one photo is seen.

    Raises:
        ImageFault: an encoder refused the image.
    """
    height, width = photo.image.shape[:2]
    verbatim = None if config.photo_format == naming.LOSSLESS_PHOTO else photo.verbatim
    box, area = coverage.foreground_box(masks.hard), coverage.foreground_share(masks.hard)
    level = cut_level(config.threshold, binary=config.binary)
    confidence = mask_confidence(masks.small, level, config.method, binary=config.binary)
    place = patch.stored_box(filled.region, (height, width), config.background_store) if filled else _NOWHERE
    shared = {
        "width": width,
        "height": height,
        "fg_area": coverage.state_share(area),
        "fg_box": list(box),
        "confidence": confidence,
        "background": filled.how if filled else "none",
        "verbatim": verbatim is not None,
    }
    parts: dict[str, bytes] = {}
    if config.layout == "full":
        parts.update([_encode_photo(photo, config)])
    lean = config.members == "lean"
    parts[naming.MASK] = (
        encode_lean_mask(masks.stored) if lean else encode_mask_png(masks.stored, binary=config.binary)
    )
    if filled:
        stored = patch.cut_background(filled.image, place, config.background_side)
        parts[naming.BACKGROUND] = encode_jpeg(stored, config.background_quality)
    table = coverage.summed_area_table(masks.hard).astype("<u2")
    if lean:
        parts[naming.SAT] = coverage.lean_table(table).tobytes()
    else:
        parts[naming.JSON] = _render_json(
            sample, config, {**shared, "bg_box": list(place), "damage": photo.damage}
        )
        if isinstance(sample.label, int):
            parts[naming.CLASS] = str(sample.label).encode()
        parts[naming.SAT] = table.tobytes()
        parts[naming.FG] = masks.small.tobytes()
    version = naming.written_format(config.members)
    parts[naming.META] = pack_meta((height, width), box, free, sample.label, area, place, confidence, version)
    row = {
        "key": sample.key,
        "path": sample.path,
        "status": "ok",
        "error": "",
        **shared,
        "source_crc32c": None if verbatim is None else crc32c(verbatim),
        "mask_sha256": hashlib.sha256(np.ascontiguousarray(masks.stored).data).hexdigest(),
    }
    is_first = verbatim is not None and parts.get(naming.PHOTO) is verbatim
    return Encoded(sample.key, tuple(parts.items()), row, photo.hashed if is_first else None)


def _encode_photo(photo: StoredPhoto, config: RunConfig) -> tuple[str, bytes]:
    """The photo's extension and bytes."""
    if config.photo_format == naming.LOSSLESS_PHOTO:
        return naming.LOSSLESS_PHOTO, encode_photo_png(photo.image)
    return naming.PHOTO, photo.verbatim or encode_jpeg(photo.image, config.jpeg_quality)


_IN_TABLE = {"width", "height", "fg_area", "fg_box", "confidence", "background", "verbatim"}
JSON_FIELDS = (
    "key",
    "source",
    "width",
    "height",
    "label",
    "method",
    "threshold",
    "fg_area",
    "fg_box",
    "confidence",
    "background",
    "bg_box",
    "verbatim",
    "damage",
)
"""The fields of KEY.json, in their order."""


TABLE_FACTS = ("key", "path", "label", *(name for name in JSON_FIELDS[2:] if name in _IN_TABLE))
"""The columns of a table that `facts_of` reads."""


def facts_of(row: Mapping[str, Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """What KEY.json would say of a lean sample, which has none: all but `damage`, in the same order.

    Args:
        row: of the shard's table.
        options: of the run, from the manifest.
    """
    known = {
        **{name: row[name] for name in TABLE_FACTS},
        "source": row["path"],
        "label": json.loads(row["label"]),
        "method": options["method"],
        "threshold": options["threshold"],
        "bg_box": list(_NOWHERE),
    }
    return {name: known[name] for name in JSON_FIELDS if name in known}


def _render_json(sample: SampleId, config: RunConfig, found: dict[str, Any]) -> bytes:
    """KEY.json: flat, its fields always in the same order."""
    facts = {
        "key": sample.key,
        "source": sample.path,
        "label": list(sample.label) if isinstance(sample.label, tuple) else sample.label,
        "method": config.method,
        "threshold": config.threshold,
        **found,
    }
    return json.dumps(
        {name: facts[name] for name in JSON_FIELDS}, ensure_ascii=True, separators=(",", ":")
    ).encode()
