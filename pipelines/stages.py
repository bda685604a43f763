"""The three stages of one image: decode, mask, finish. Pure given the configuration and the source's bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from maskgen.backgrounds import BACKGROUNDS
from maskgen.backgrounds.rectangle import largest_free_rectangle
from maskgen.config import RunConfig
from maskgen.errors import ImageFault, MaskgenError
from maskgen.io.decode import Limits, decode
from maskgen.io.encode import resize_short_side
from maskgen.methods import MethodOptions, make_method
from maskgen.pipelines.sources import source_root
from maskgen.pipelines.sources.reading import ByteReader
from maskgen.shards import naming
from maskgen.shards.plan import PlannedImage
from maskgen.shards.sample import Encoded, SampleId, encode_sample, store_mask
from maskgen.types import RGB, Method, SoftMask

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decoded:
    """An upright photo at its stored size, the source's bytes when they may be stored, and their hash."""

    sample: SampleId
    image: RGB
    verbatim: bytes | None
    sha256: str


@dataclass(frozen=True, slots=True)
class Masked:
    """A photo with its soft mask."""

    photo: Decoded
    mask: SoftMask


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An image that cannot become a sample, with the reason as ``slug: detail``."""

    sample: SampleId
    error: str
    sha256: str | None = None


class Stages:
    """The stages for one configuration; made inside the worker process.

    Args:
        config: resolved.
        members: extensions that every sample has.
        method: overrides the configured method (fault tests).
    """

    def __init__(self, config: RunConfig, members: tuple[str, ...], method: Method | None = None) -> None:
        self._config = config
        self._classes = naming.CLASS in members
        self._limits = Limits(config.max_bytes, config.max_pixels, config.max_side)
        self._reader = ByteReader(Path(source_root(config)), config.max_bytes)
        options = MethodOptions(config.weights, config.resize, config.device, config.refine)
        self._method = method or make_method(config.method, options)
        self._background = BACKGROUNDS.get(config.background)

    def close(self) -> None:
        """Close the source's files."""
        self._reader.close()

    def decode(self, image: PlannedImage) -> Decoded | Quarantined:
        """Read, check and decode an image's bytes, and resize it when the data set stores smaller photos."""
        sample = image.sample
        if self._classes and sample.label is None:
            sample = replace(sample, label=-1)
        sha256 = None
        try:
            data = self._reader.read(image.ref)
            sha256 = hashlib.sha256(data).hexdigest()
            photo = decode(data, self._limits)
        except ImageFault as fault:
            return Quarantined(sample, str(fault), sha256)
        side, pixels = self._config.short_side, photo.image
        if side and min(pixels.shape[:2]) > side:
            return Decoded(sample, resize_short_side(pixels, side), None, sha256)
        return Decoded(sample, pixels, data if photo.verbatim else None, sha256)

    def mask(self, photo: Decoded | Quarantined) -> Masked | Quarantined:
        """Run the method."""
        if isinstance(photo, Quarantined):
            return photo
        return _guarded("method-error", photo, lambda: Masked(photo, self._method(photo.image)))

    def finish(self, masked: Masked | Quarantined) -> tuple[Encoded, str] | Quarantined:
        """Make the background and encode the sample; returned with the source's SHA-256."""
        if isinstance(masked, Quarantined):
            return masked
        return _guarded("background-error", masked.photo, lambda: self._encode(masked))

    def _encode(self, masked: Masked) -> tuple[Encoded, str]:
        photo, config = masked.photo, self._config
        masks = store_mask(masked.mask, config.threshold, config)
        filled = self._background(photo.image, masks.hard) if self._background else None
        free = largest_free_rectangle(masks.hard)
        encoded = encode_sample(photo.sample, (photo.image, photo.verbatim), masks, filled, free, config)
        return encoded, photo.sha256


def _guarded(slug: str, photo: Decoded, work: Callable[[], T]) -> T | Quarantined:
    """Run a stage; whatever goes wrong with one image costs that image only."""
    try:
        return work()
    except ImageFault as fault:
        return Quarantined(photo.sample, str(fault), photo.sha256)
    except MaskgenError:
        raise
    except Exception as error:  # noqa: BLE001 - a method is free to fail in any way
        text = f"{type(error).__name__}: {error}"[:300]
        return Quarantined(photo.sample, f"{slug}: {text}", photo.sha256)
