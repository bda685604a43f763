"""Damage that libjpeg only warns of is found in every kind of JPEG, and nothing else is taken for it."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray
from PIL import Image

from maskgen.errors import ImageFault
from maskgen.io.images.decode import Limits, Photo, decode

LIMITS = Limits(max_bytes=1 << 20, max_pixels=1 << 20, max_side=2000)


def picture(seed: int = 0) -> Image.Image:
    """Large shapes with grain, as a photo has, 160x200 px."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6, 3), np.uint8)).resize(
        (200, 160), Image.Resampling.BICUBIC
    )
    grain = rng.integers(-12, 13, (160, 200, 3))
    return Image.fromarray(np.clip(np.asarray(coarse) + grain, 0, 255).astype(np.uint8))


def save(image: Image.Image, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", **{"quality": 92, **options})
    return out.getvalue()


def scan(data: bytes) -> int:
    """Offset of the first entropy-coded byte."""
    at = data.index(b"\xff\xda")
    return at + 2 + int.from_bytes(data[at + 2 : at + 4], "big")


def at_share(data: bytes, share: float) -> int:
    return scan(data) + int((len(data) - scan(data)) * share)


def zeroed(data: bytes) -> bytes:
    start = at_share(data, 0.3)
    return data[:start] + bytes(2048) + data[start + 2048 :]


def cut(data: bytes) -> bytes:
    return data[: at_share(data, 0.6)] + b"\xff\xd9"


def holed(data: bytes) -> bytes:
    return data[: at_share(data, 0.3)] + data[at_share(data, 0.7) :]


def tailed(data: bytes) -> bytes:
    other = save(picture(1))
    return data[: at_share(data, 0.5)] + other[at_share(other, 0.4) :]


FAULTS = [zeroed, cut, holed, tailed]
KINDS = {
    "color": ("RGB", {}),
    "gray": ("L", {}),
    "progressive": ("RGB", {"progressive": True}),
    "restarts": ("RGB", {"restart_marker_rows": 1}),
    "turned": ("RGB", {"exif": b"Exif\0\0II*\0" + struct.pack("<IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)}),
    "cmyk": ("CMYK", {}),
}


def refused(data: bytes) -> str:
    with pytest.raises(ImageFault) as caught:
        decode(data, LIMITS)
    return caught.value.reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("spoil", FAULTS)
def test_a_lost_part_is_found(spoil: Callable[[bytes], bytes], kind: str) -> None:
    mode, options = KINDS[kind]
    data = save(picture().convert(mode), **options)
    assert decode(data, LIMITS).damage == ""
    assert refused(spoil(data)) == "damaged"


def test_a_restart_out_of_order_is_found() -> None:
    data = save(picture(), restart_marker_rows=1)
    assert refused(data.replace(b"\xff\xd1", b"\xff\xd5", 1)) == "damaged"


def test_zeros_that_decode_without_a_warning_are_found() -> None:
    """In the standard tables a block of zero bits is a DC code of 2 bits and 63 coefficients of 3."""
    data = save(Image.fromarray(np.zeros((160, 160), np.uint8)))
    blocks, bits = 20 * 20, 2 + 63 * 3
    zeros = data[: scan(data)] + bytes(blocks * bits // 8) + b"\xff\xd9"
    assert simplejpeg.decode_jpeg(zeros, "GRAY", strict=True).shape == (160, 160, 1)
    assert refused(zeros) == "damaged"


def test_runs_of_zeros_that_an_encoder_writes_are_none() -> None:
    """With tables of its own a flat picture is all zero bits: the end of a block is the shortest code."""
    flat = np.full((1600, 1600), 128, np.uint8)
    data = save(Image.fromarray(flat), optimize=True)
    large = Limits(max_bytes=1 << 20, max_pixels=1 << 22, max_side=2000)
    assert bytes(256) in data[scan(data) :]
    assert np.array_equal(decode(data, large).image[..., 0], flat)


def test_zeros_behind_the_picture_are_none() -> None:
    assert decode(save(picture()) + bytes(5000), LIMITS).verbatim


def odd_jfif(data: bytes) -> bytes:
    at = data.index(b"JFIF\0") + 5
    return data[:at] + b"\x05" + data[at + 1 :]


def odd_profile(data: bytes) -> bytes:
    at = data.index(b"\xff\xe0")
    return data[:at] + b"\xff\xe2\0\x20ICC_PROFILE\0\x07\x03" + bytes(16) + data[at:]


def odd_scan(data: bytes) -> bytes:
    return data[: scan(data) - 3] + b"\0\0\0" + data[scan(data) :]


def odd_junk(data: bytes) -> bytes:
    return data[:2] + b"abcdef" + data[2:]


@pytest.mark.parametrize("spoil", [odd_jfif, odd_profile, odd_scan, odd_junk])
def test_what_costs_no_pixel_is_no_damage(spoil: Callable[[bytes], bytes]) -> None:
    data = save(picture())
    photo = decode(spoil(data), LIMITS)
    assert np.array_equal(photo.image, decode(data, LIMITS).image)
    assert photo.damage == ""


def test_a_color_transform_that_adobe_never_defined_is_no_damage() -> None:
    data = save(picture().convert("CMYK"))
    at = data.index(b"Adobe") + 11
    assert decode(data[:at] + b"\x09" + data[at + 1 :], LIMITS).damage == ""


def accepted(data: bytes) -> Photo:
    return decode(data, LIMITS, accept_damaged=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_photo_is_decoded_where_it_is_accepted_and_says_so(kind: str) -> None:
    mode, options = KINDS[kind]
    data = save(picture().convert(mode), **options)
    whole, rest = decode(data, LIMITS), accepted(cut(data))
    assert "premature end" in rest.damage
    assert not rest.verbatim
    assert rest.image.shape == whole.image.shape
    if kind in {"color", "gray", "cmyk"}:  # the part before the cut is there
        assert np.array_equal(rest.image[:64], whole.image[:64])


def test_a_photo_without_its_end_is_truncated_and_can_be_accepted() -> None:
    data = save(picture())
    torn = data[: at_share(data, 0.6)]
    assert refused(torn) == "truncated"
    assert "no end-of-image marker" in accepted(torn).damage
    with pytest.raises(ImageFault, match="truncated"):
        accepted(data[: scan(data) - 20])


def test_accepting_damage_changes_nothing_of_a_sound_photo() -> None:
    data = save(picture())
    photo = accepted(data)
    assert photo.verbatim
    assert photo.damage == ""


def test_chroma_of_an_unusual_size_is_still_decoded() -> None:
    data = bytearray(save(picture(), subsampling=0))
    at = data.index(b"\xff\xc0") + 11
    data[at], data[at + 3], data[at + 6] = 0x31, 0x11, 0x11  # no such picture, but a decoder must go through
    pixels: NDArray[np.uint8] = decode(bytes(data), LIMITS).image
    assert np.array_equal(pixels, np.asarray(Image.open(io.BytesIO(bytes(data)))))
