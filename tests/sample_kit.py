"""One photo with a disc on it as a sample, under any options of a run."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from maskgen.backgrounds import BACKGROUNDS
from maskgen.backgrounds.rectangle import largest_free_rectangle
from maskgen.config.run_config import RunConfig, make_config
from maskgen.io.images.encode import encode_jpeg
from maskgen.io.images.stored import decode_photo
from maskgen.shards.sample import Encoded, SampleId, StoredPhoto, encode_sample, store_mask
from maskgen.types import Label

H, W = 120, 181
THRESHOLD = 0.4


def config_of(**options: object) -> RunConfig:
    return make_config(
        {"dataset": "sample", "output": "out", "method": "box", "threshold": THRESHOLD, **options}
    )


def photo() -> bytes:
    """A JPEG of (H, W) px."""
    y, x = np.mgrid[0:H, 0:W]
    return encode_jpeg(np.stack([x % 200, y, (x + y) % 250], axis=2).astype(np.uint8), 95)


def blob(*, empty: bool = False) -> NDArray[np.float32]:
    """An (H, W) soft mask of a disc."""
    y, x = np.mgrid[0:H, 0:W]
    soft = 1 / (1 + np.exp((np.hypot(y - 50, x - 80) - 25) / 3))
    return (soft * (not empty)).astype(np.float32)


def encode(config: RunConfig, data: bytes, soft: NDArray[np.float32], label: Label = 4) -> Encoded:
    """What a run stores of a photo and its mask, with the key ``k``."""
    image = decode_photo(data)
    pair = store_mask(soft, THRESHOLD, config)
    background = BACKGROUNDS.get(config.background)
    filled = background(image, pair.hard) if background else None
    free = largest_free_rectangle(pair.hard)
    return encode_sample(SampleId("k", label, "k.jpg"), StoredPhoto(image, data), pair, filled, free, config)
