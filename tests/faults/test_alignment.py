"""Fault 16: whatever the EXIF orientation and the reader, mask and stored image show the same thing.

A bright rectangle of known place is stored turned in all eight ways; the mask is made from what
`decode` returns, and every common reader opens what a shard would hold.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from maskgen.io.images.decode import Limits, Photo, decode
from maskgen.io.images.encode import encode_jpeg

pytestmark = pytest.mark.faults

LIMITS = Limits(max_bytes=64 << 20, max_pixels=64_000_000, max_side=32_768)
HEIGHT, WIDTH = 120, 200
TOP, LEFT, BOTTOM, RIGHT = 16, 24, 64, 160  # off the centre, so that every turn and flip moves it

Pixels = NDArray[np.uint8]
Reader = Callable[[bytes], Pixels]

# Where an upright picture's pixels lie in the file, by EXIF 2.3, 4.6.4.
STORED: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a.transpose(1, 0, 2)[::-1],
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a.transpose(1, 0, 2)[:, ::-1],
}


def truth() -> NDArray[np.bool_]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[TOP:BOTTOM, LEFT:RIGHT] = True
    return mask


def upright() -> Pixels:
    return np.where(truth()[..., None], np.uint8((250, 240, 230)), np.uint8((20, 30, 10))).astype(np.uint8)


def tiff(orientation: int, order: str = "<", kind: int = 3, count: int = 1) -> bytes:
    head = b"II*\0" if order == "<" else b"MM\0*"
    value = struct.pack(order + "I", orientation) if kind == 4 else struct.pack(order + "HH", orientation, 0)
    return head + struct.pack(order + "IHHHI", 8, count, 0x0112, kind, 1) + value + b"\0\0\0\0"


def saved(pixels: Pixels, format_: str, exif: bytes = b"") -> bytes:
    out = io.BytesIO()
    options: dict[str, Any] = {"exif": b"Exif\0\0" + exif} if exif else {}
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, format_, quality=95, **options)
    return out.getvalue()


def with_app1(jpeg: bytes, payload: bytes) -> bytes:
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(payload) + 2) + payload + jpeg[2:]


def stored(photo: Photo, data: bytes) -> bytes:
    return data if photo.verbatim else encode_jpeg(photo.image, 95)


def overlap(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> float:
    assert a.shape == b.shape
    return float((a & b).sum() / (a | b).sum())


def bright(image: Pixels) -> NDArray[np.bool_]:
    return np.asarray(image.mean(axis=2) > 128)


def read_cv2(data: bytes) -> Pixels:
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB), np.uint8)


def read_pillow(data: bytes) -> Pixels:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def read_pillow_turned(data: bytes) -> Pixels:
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB"))


@pytest.fixture(scope="module")
def read_dali() -> Reader:
    """DALI's default decoder on the CPU."""
    pytest.importorskip("nvidia.dali", reason="DALI is not installed")
    from nvidia.dali import fn, types
    from nvidia.dali.pipeline import Pipeline

    pipeline = Pipeline(batch_size=1, num_threads=1, device_id=None, prefetch_queue_depth=1)
    with pipeline:
        encoded = fn.external_source(name="encoded", device="cpu")
        pipeline.set_outputs(fn.decoders.image(encoded, device="cpu", output_type=types.RGB))
    pipeline.build()

    def read(data: bytes) -> Pixels:
        pipeline.feed_input("encoded", [np.frombuffer(data, np.uint8)])
        return np.array(pipeline.run()[0].at(0))

    return read


@pytest.fixture(params=["cv2", "pillow", "pillow-turned", "dali"])
def reader(request: pytest.FixtureRequest) -> Reader:
    if request.param == "dali":
        return request.getfixturevalue("read_dali")  # type: ignore[no-any-return]
    return {"cv2": read_cv2, "pillow": read_pillow, "pillow-turned": read_pillow_turned}[request.param]


def check(data: bytes, reader: Reader) -> Photo:
    photo = decode(data, LIMITS)
    mask = bright(photo.image)
    seen = reader(stored(photo, data))
    assert seen.shape[:2] == mask.shape == truth().shape
    assert overlap(mask, truth()) >= 0.99
    assert overlap(mask, bright(seen)) >= 0.99
    return photo


@pytest.mark.slow
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_mask_and_stored_image_agree(format_: str, orientation: int, order: str, reader: Reader) -> None:
    data = saved(STORED[orientation](upright()), format_, tiff(orientation, order))
    photo = check(data, reader)
    assert photo.verbatim == (format_ == "JPEG" and orientation == 1)


XMP = b'http://ns.adobe.com/xap/1.0/\0<rdf:Description tiff:Orientation="6"/>'
UNDECIDED = {
    "unknown": b"Exif\0\0" + tiff(0),
    "nine": b"Exif\0\0" + tiff(9),
    "huge": b"Exif\0\0" + tiff(65535),
    "cut": b"Exif\0\0" + tiff(1, count=200),
    "no-directory": b"Exif\0\0II*\0\xff\xff\0\0",
    "typo": b"Exif\0\xff" + tiff(1),
    "xmp": XMP,
}


@pytest.mark.parametrize("payload", UNDECIDED.values(), ids=UNDECIDED.keys())
def test_readers_cannot_disagree_on_odd_metadata(payload: bytes, reader: Reader) -> None:
    check(with_app1(saved(upright(), "JPEG"), payload), reader)


@pytest.mark.parametrize("second", [1, 3, 6])
def test_two_exif_blocks(second: int, reader: Reader) -> None:
    once = with_app1(saved(upright(), "JPEG"), b"Exif\0\0" + tiff(second))
    check(with_app1(once, b"Exif\0\0" + tiff(1)), reader)


def test_an_orientation_of_the_wrong_type_is_still_applied(reader: Reader) -> None:
    data = with_app1(saved(STORED[6](upright()), "JPEG"), b"Exif\0\0" + tiff(6, kind=4))
    assert not check(data, reader).verbatim


def test_the_check_sees_a_wrong_turn() -> None:
    data = saved(STORED[6](upright()), "JPEG", tiff(6))
    ignoring = read_pillow(data)
    assert ignoring.shape[:2] != truth().shape
    flipped = saved(upright()[:, ::-1], "JPEG")
    assert overlap(bright(decode(flipped, LIMITS).image), truth()) < 0.9
