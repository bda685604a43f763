"""One photo's pictures as bytes: what a thread does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..config.run_config import RunConfig
from ..io.images.encode import encode_jpeg, encode_photo_png
from ..shards import naming
from ..shards.sample import Encoded, SampleId
from ..types import RGB, HardMask
from .donors import draw
from .noise import BACKGROUND, FOREGROUND, add_noise
from .pairs import PAIRS
from .photos import Photos
from .settings import Settings
from .shard_sets import encode
from .variants import MIXED, Scene, render


class Made(NamedTuple):
    """A photo's pictures.

    Args:
        number: of the photo.
        mask: (S, S) bool.
        files: each picture's bytes, by variant.
        members: each picture as a sample of shards, by variant; none where no shards are written.
        sha256: of the bytes that the photo was decoded from.
    """

    number: int
    mask: HardMask
    files: dict[str, bytes]
    members: dict[str, Encoded]
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class Maker:
    """Makes photos into pictures; safe to share among threads.

    Args:
        photos: reads them.
        samples: key, label and path, by number.
        mixed: whose background each photo gets, by number and variant.
        config: as of a run that made the pictures.
        settings: what is made.
    """

    photos: Photos
    samples: Mapping[int, SampleId]
    mixed: Mapping[int, Mapping[str, int]]
    config: RunConfig
    settings: Settings

    def make(self, number: int) -> Made:
        """All pictures of a photo.

        Raises:
            ShardFault: it, or one that it gets a background of, is damaged.
        """
        scene, sha256 = self.photos.read(number)
        mixed = self.mixed[number]
        grounds = {variant: self.photos.read(donor).scene.background for variant, donor in mixed.items()}
        files, members = {}, {}
        for variant in self.settings.variants:
            picture = self._render(variant, number, scene, grounds.get(variant))
            if self.settings.shards:
                members[variant] = encode(self.samples[number], picture, scene.mask, self.config)
                files[variant] = members[variant].members[0][1]
            else:
                files[variant] = encode_picture(picture, self.config)
        if PAIRS in grounds:
            files[PAIRS] = encode_picture(render(MIXED[0], scene, grounds[PAIRS]), self.config)
        return Made(number, scene.mask, files, members, sha256)

    def _render(self, variant: str, number: int, scene: Scene, ground: RGB | None) -> RGB:
        for kind, where in ((FOREGROUND, scene.mask), (BACKGROUND, ~scene.mask)):
            if variant.startswith(kind):
                trial = variant.removeprefix(kind)
                seed = draw(1 << 64, self.settings.seed, "noise", trial, self.samples[number].key)
                return add_noise(scene.image, where, seed)
        return render(variant, scene, ground)


def encode_picture(picture: RGB, config: RunConfig) -> bytes:
    """The bytes of an (H, W, 3) uint8 picture, the same as in shards."""
    if config.photo_format == naming.LOSSLESS_PHOTO:
        return encode_photo_png(picture)
    return encode_jpeg(picture, config.jpeg_quality)
