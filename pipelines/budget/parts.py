"""The parts of making one sample, each by the function that a worker calls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from maskgen.backgrounds import BACKGROUNDS
from maskgen.backgrounds.rectangle import largest_free_rectangle
from maskgen.io.checksum import crc32c
from maskgen.io.images.decode import Limits, Photo, decode
from maskgen.io.images.encode import encode_jpeg, encode_lean_mask, encode_mask_png, resize_short_side
from maskgen.methods import METHODS, make_method, network_input
from maskgen.methods.network import Infer, NetworkInput
from maskgen.methods.networks.inpainting.model import load_inpainting
from maskgen.methods.refine.registry import REFINEMENTS
from maskgen.methods.resolve import load_network
from maskgen.shards import coverage, naming, patch
from maskgen.shards.confidence import mask_confidence, suspected
from maskgen.shards.plan import PlannedImage
from maskgen.shards.sample import MaskPair, cut_level, hard_mask, mask_levels
from maskgen.types import RGB, Background, Filled, HardMask, Method, SoftMask

from ..resolve import ResolvedConfig
from ..sources import source_root
from ..sources.reading import ByteReader

NETWORK = "network"
EMPTY = np.zeros(0, np.uint8)


@dataclass(slots=True)
class Sample:
    """What has been made of one photo so far, and what it becomes a member of.

    Args:
        image: from the plan.
    """

    image: PlannedImage
    data: bytes = b""
    sha256: str = ""
    photo: Photo | None = None
    pixels: RGB = field(default_factory=lambda: np.zeros((1, 1, 3), np.uint8))
    input: NDArray[Any] = field(default_factory=lambda: EMPTY)
    map: NDArray[Any] = field(default_factory=lambda: EMPTY)
    mask: SoftMask = field(default_factory=lambda: np.zeros((1, 1), np.float32))
    stored: NDArray[np.uint8] = field(default_factory=lambda: EMPTY)
    hard: HardMask = field(default_factory=lambda: np.zeros((1, 1), np.bool_))
    small: NDArray[np.uint8] = field(default_factory=lambda: EMPTY)
    filled: Filled | None = None
    members: dict[str, bytes] = field(default_factory=dict)

    @property
    def masks(self) -> MaskPair:
        """The mask as `encode_sample` takes it."""
        return MaskPair(self.stored, self.hard, self.small)


Step: TypeAlias = Callable[[Sample], None]


class OwnParts:
    """The steps of a worker for one configuration, without a model process.

    Args:
        config: of the run; its method runs here.
        members: extensions that every sample has.
    """

    def __init__(self, config: ResolvedConfig, members: tuple[str, ...]) -> None:
        photos = naming.stored_ext(naming.PHOTO, members)
        self.options = options = replace(config.options, photo_format=photos)
        self._reader = ByteReader(source_root(options), options.max_bytes)
        self._limits = Limits(options.max_bytes, options.max_pixels, options.max_side)
        self._background: Background | None = BACKGROUNDS.get(options.background)
        if config.inpainting:
            self._background = load_inpainting(config.inpainting)
        self._spec = METHODS[options.method]
        self.refinement = self._spec.refinement(options.refine)
        self.input: NetworkInput | None = None
        if config.is_learned:
            self.input = network_input(options.method, config.method)
            self.infer: Infer = load_network(options.method, config.method)
        else:
            self._prior: Method = make_method(options.method, replace(config.method, refine="none"))

    def close(self) -> None:
        """Close the source's files."""
        self._reader.close()

    def steps(self) -> Mapping[str, Step]:
        """The parts by name, in a worker's order."""
        steps: dict[str, Step] = {"read": self._read, "hash": self._hash, "decode": self._decode}
        if self.input:
            steps |= {"resize": self._resize, NETWORK: self._network, "map up": self._map_up}
        else:
            steps |= {"method": self._method}
        if self.refinement != "none":
            steps["refine"] = self._refine
        steps |= {"levels": self._levels, naming.FG: self._fg}
        if self._background:
            steps["background"] = self._fill
        steps |= {"facts": self._facts, naming.MASK: self._encode_mask, naming.SAT: self._encode_table}
        if self._background:
            steps[naming.BACKGROUND] = self._encode_background
        if self.options.layout == "full":
            steps[naming.PHOTO] = self._encode_photo
        return steps

    def method(self) -> Method:
        """The method of these steps as `Stages` takes it."""

        def mask(image: RGB) -> SoftMask:
            if not self.input:
                found = self._prior(image)
            else:
                small = self.infer(self.input.prepare(image)[None])[0]
                found = self.input.finish(small, image.shape[0], image.shape[1])
            return self._refined(image, found)

        return mask

    def _refined(self, image: RGB, mask: SoftMask) -> SoftMask:
        if self.refinement == "none":
            return mask
        return REFINEMENTS[self.refinement](image, mask, self._spec.threshold)

    def _read(self, one: Sample) -> None:
        one.data = self._reader.read(one.image.ref)

    def _hash(self, one: Sample) -> None:
        one.sha256 = hashlib.sha256(one.data).hexdigest()

    def _decode(self, one: Sample) -> None:
        one.photo = decode(one.data, self._limits, accept_damaged=self.options.accept_damaged)
        one.pixels = resize_short_side(one.photo.image, self.options.short_side)

    def _resize(self, one: Sample) -> None:
        assert self.input  # noqa: S101 - for the type checker
        one.input = self.input.prepare(one.pixels)

    def _network(self, one: Sample) -> None:
        one.map = self.infer(one.input[None])[0]

    def _map_up(self, one: Sample) -> None:
        assert self.input  # noqa: S101 - for the type checker
        one.mask = self.input.finish(one.map, one.pixels.shape[0], one.pixels.shape[1])

    def _method(self, one: Sample) -> None:
        one.mask = self._prior(one.pixels)

    def _refine(self, one: Sample) -> None:
        one.mask = self._refined(one.pixels, one.mask)

    def _levels(self, one: Sample) -> None:
        one.stored = mask_levels(one.mask, self.options.threshold, self.options)
        level = cut_level(self.options.threshold, binary=self.options.binary)
        one.hard = hard_mask(one.stored, level, (one.mask.shape[0], one.mask.shape[1]))

    def _fg(self, one: Sample) -> None:
        one.small = coverage.small_mask(one.stored)

    def _fill(self, one: Sample) -> None:
        assert self._background  # noqa: S101 - for the type checker
        small = suspected(one.small, self.options.method)
        one.filled = self._background(one.pixels, one.hard, small)

    def _facts(self, one: Sample) -> None:
        largest_free_rectangle(one.hard)
        coverage.foreground_box(one.hard)
        coverage.foreground_share(one.hard)
        level = cut_level(self.options.threshold, binary=self.options.binary)
        mask_confidence(one.small, level, self.options.method, binary=self.options.binary)
        hashlib.sha256(one.stored.data).hexdigest()
        crc32c(one.data)

    def _encode_mask(self, one: Sample) -> None:
        if self.options.members == "lean":
            one.members[naming.MASK] = encode_lean_mask(one.stored)
        else:
            one.members[naming.MASK] = encode_mask_png(one.stored, binary=self.options.binary)

    def _encode_table(self, one: Sample) -> None:
        one.members[naming.SAT] = coverage.summed_area_table(one.hard).tobytes()

    def _encode_background(self, one: Sample) -> None:
        assert one.filled  # noqa: S101 - for the type checker
        size = (one.pixels.shape[0], one.pixels.shape[1])
        place = patch.stored_box(one.filled.region, size, self.options.background_store)
        cut = patch.cut_background(one.filled.image, place, self.options.background_side)
        one.members[naming.BACKGROUND] = encode_jpeg(cut, self.options.background_quality)

    def _encode_photo(self, one: Sample) -> None:
        assert one.photo  # noqa: S101 - for the type checker
        if not (one.photo.verbatim and one.pixels is one.photo.image):
            one.members[naming.PHOTO] = encode_jpeg(one.pixels, self.options.jpeg_quality)
