"""The stages of one image: decode, mask, background, encode.

Pure given the configuration and the source's bytes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from maskgen.backgrounds import BACKGROUNDS
from maskgen.backgrounds.rectangle import largest_free_rectangle
from maskgen.errors import ImageFault, MaskgenError
from maskgen.io.images.decode import Limits, decode
from maskgen.io.images.encode import resize_short_side
from maskgen.methods import METHODS, make_method, network_input
from maskgen.methods.networks.inpainting.model import load_inpainting
from maskgen.methods.refine.registry import REFINEMENTS
from maskgen.processes.watch import Watch
from maskgen.shards import naming
from maskgen.shards.confidence import suspected
from maskgen.shards.plan import PlannedImage
from maskgen.shards.sample import Encoded, MaskPair, SampleId, StoredPhoto, encode_sample, store_mask
from maskgen.types import RGB, Background, Box, Filled, Method, SoftMask

from ..given.fit import fit
from ..given.open import Finder, open_given
from ..model.client import RemoteNetwork
from ..resolve import ResolvedConfig
from ..sources import source_root
from ..sources.reading import ByteReader

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Decoded:
    """A photo at its stored size, the hash of the source's bytes, and its (height, width) before, px."""

    sample: SampleId
    photo: StoredPhoto
    sha256: str
    size: tuple[int, int]

    @property
    def image(self) -> RGB:
        """(H, W, 3) uint8 RGB, upright."""
        return self.photo.image


@dataclass(frozen=True, slots=True)
class Masked:
    """A photo with its soft mask."""

    photo: Decoded
    mask: SoftMask


class Replaced(NamedTuple):
    """A mask as it is stored, the photo without its foreground, and its largest free rectangle."""

    masks: MaskPair
    filled: Filled | None
    free: Box


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An image that cannot become a sample, with the reason as ``slug: detail``."""

    sample: SampleId
    error: str
    sha256: str | None = None


class Stages:
    """The stages for one configuration; made inside the worker process.

    Args:
        config: of the run.
        members: extensions that every sample has.
        method: overrides the configured method (fault tests).

    Attributes:
        remote: the connection to a model process after `connect`; None when the method runs here.
        resized: masks that were given, and had another size than their photos.
    """

    def __init__(
        self, config: ResolvedConfig, members: tuple[str, ...], method: Method | None = None
    ) -> None:
        photos = naming.stored_ext(naming.PHOTO, members)  # the plan knows what `auto` stands for
        self._options = options = replace(config.options, photo_format=photos)
        self._classes = naming.CLASS in members
        self._limits = Limits(options.max_bytes, options.max_pixels, options.max_side)
        self._reader = ByteReader(source_root(options), options.max_bytes)
        self._background: Background | None = BACKGROUNDS.get(options.background)
        if config.inpainting:
            self._background = load_inpainting(config.inpainting)
        self.remote: RemoteNetwork | None = None
        self.resized = 0
        self._find: Finder | None = None
        if config.masks and method is None:
            self._find = open_given(config.masks)
        elif config.model_process and method is None:
            self._input = network_input(options.method, config.method)
        else:
            self._method = method or make_method(options.method, config.method)

    def connect(self, address: str) -> None:
        """Let a model process run the network.

        Raises:
            EnvironmentFault: it is gone.
        """
        self.remote = RemoteNetwork(address, self._input)

    def close(self) -> None:
        """Close the source's files, and leave the model process."""
        self._reader.close()
        if self.remote:
            self.remote.close()

    def expect(self, images: Sequence[PlannedImage]) -> None:
        """Say which images will be decoded, in this order."""
        self._reader.expect([image.ref for image in images])

    def decode(self, image: PlannedImage) -> Decoded | Quarantined:
        """Read, check and decode an image's bytes, and resize it when the data set stores smaller photos."""
        sample = image.sample
        if self._classes and sample.label is None:
            sample = replace(sample, label=-1)
        sha256 = None
        try:
            data = self._reader.read(image.ref)
            hashed = hashlib.sha256(data)
            sha256 = hashed.hexdigest()
            photo = decode(data, self._limits, accept_damaged=self._options.accept_damaged)
        except ImageFault as fault:
            return Quarantined(sample, str(fault), sha256)
        pixels = resize_short_side(photo.image, self._options.short_side)
        verbatim = data if photo.verbatim and pixels is photo.image else None
        size = photo.image.shape[0], photo.image.shape[1]
        return Decoded(sample, StoredPhoto(pixels, verbatim, photo.damage, hashed), sha256, size)

    def has_source(self, image: PlannedImage, sha256: str) -> bool:
        """Whether an image's bytes in the source have this SHA-256."""
        try:
            return hashlib.sha256(self._reader.read(image.ref)).hexdigest() == sha256
        except ImageFault:
            return False

    def mask(self, photo: Decoded | Quarantined) -> Masked | Quarantined:
        """Run the method."""
        if isinstance(photo, Quarantined):
            return photo
        find = self._find
        if find:
            return _guarded("method-error", photo, lambda: Masked(photo, self._given_mask(photo, find)))
        return _guarded("method-error", photo, lambda: Masked(photo, self._method(photo.image)))

    def prepare(self, photo: Decoded | Quarantined, pixels: NDArray[Any]) -> Decoded | Quarantined:
        """Write the network's input of a photo into its (S, S, 3) place of a slot."""
        if isinstance(photo, Quarantined):
            pixels[:] = 0
            return photo

        def work() -> Decoded:
            pixels[:] = self._input.prepare(photo.image)
            return photo

        return _guarded("method-error", photo, work)

    def mask_from(self, photo: Decoded | Quarantined, small: NDArray[np.float32]) -> Masked | Quarantined:
        """Finish the mask from the network's (S, S) map."""
        if isinstance(photo, Quarantined):
            return photo
        return _guarded("method-error", photo, lambda: Masked(photo, self._finished_mask(photo.image, small)))

    def _finished_mask(self, image: RGB, small: NDArray[np.float32]) -> SoftMask:
        if not np.isfinite(small).all():
            raise ImageFault("non-finite-mask", "the network's map holds NaN or infinity")
        return self._refined(image, self._input.finish(small, image.shape[0], image.shape[1]))

    def _given_mask(self, photo: Decoded, find: Finder) -> SoftMask:
        found, stored = find(photo.sample), (photo.image.shape[0], photo.image.shape[1])
        if found:
            mask = fit(found, photo.size, stored)
            self.resized += found.levels.shape != photo.size
            return self._refined(photo.image, mask)
        if self._options.missing == "empty":
            return np.zeros(stored, np.float32)
        raise ImageFault("no-mask", f"none for the path {photo.sample.path} nor the key {photo.sample.key}")

    def _refined(self, image: RGB, mask: SoftMask) -> SoftMask:
        spec = METHODS[self._options.method]
        refine = spec.refinement(self._options.refine)
        return mask if refine == "none" else REFINEMENTS[refine](image, mask, spec.threshold)

    def finish(self, masked: Masked | Quarantined, watch: Watch) -> tuple[Encoded, str] | Quarantined:
        """Make the background and encode the sample; returned with the source's SHA-256."""
        if isinstance(masked, Quarantined):
            return masked
        return _guarded("background-error", masked.photo, lambda: self._encode(masked, watch))

    def _encode(self, masked: Masked, watch: Watch) -> tuple[Encoded, str]:
        with watch.stage("background"):
            filled = self.fill(masked)
        with watch.stage("encode"):
            encoded = self.encode(masked, filled)
        return encoded, masked.photo.sha256

    def fill(self, masked: Masked) -> Replaced:
        """The stored mask, the background, and the largest rectangle without foreground."""
        masks = store_mask(masked.mask, self._options.threshold, self._options)
        filled = None
        if self._background:  # by the small mask that readers have, who may repeat the strip themselves
            small = suspected(masks.small, self._options.method)
            filled = self._background(masked.photo.image, masks.hard, small)
        return Replaced(masks, filled, largest_free_rectangle(masks.hard))

    def encode(self, masked: Masked, replaced: Replaced) -> Encoded:
        """The sample's members and its row of the table.

        Raises:
            ImageFault: an encoder refused the image.
        """
        found = masked.photo
        masks, filled, free = replaced
        return encode_sample(found.sample, found.photo, masks, filled, free, self._options)


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
