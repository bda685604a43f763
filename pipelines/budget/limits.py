"""The least that each part can cost: the fastest call of a well-kept library for the same work.

A library call knows nothing of damaged files, of bounds or of the format. What no library does is counted at
what it costs here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import simplejpeg

from maskgen.config.run_config import RunConfig
from maskgen.io.checksum import crc32c
from maskgen.methods.network import Infer
from maskgen.shards import coverage, naming, patch
from maskgen.shards.sample import cut_level

from .parts import NETWORK, Sample, Step

_PNG = [
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_UP),
]


class Limit(NamedTuple):
    """A library call in the place of a part.

    Args:
        step: does the part's work on what the parts before it made, and leaves the sample as it is.
        name: of the call, for the table.
    """

    step: Step
    name: str


class LibraryParts:
    """Library calls for the parts of `OwnParts`, on finished samples.

    Args:
        options: of the run.
        root: the source's folder.
        runtimes: the network as each installed runtime runs it in the run's arithmetic, by name.
    """

    def __init__(self, options: RunConfig, root: Path, runtimes: Mapping[str, Infer]) -> None:
        self._options, self._root = options, root
        self._runtimes = runtimes

    def calls(self) -> Mapping[str, tuple[Limit, ...]]:
        """The calls by part; of several the fastest counts."""
        found: dict[str, tuple[Limit, ...]] = {
            "read": (Limit(self._read, "open, read"),),
            "hash": (Limit(_hash, "hashlib"),),
            "decode": (Limit(_decode, "simplejpeg"), Limit(_decode_by_opencv, "cv2.imdecode")),
            "resize": (Limit(_resize, "cv2.resize, area"),),
            NETWORK: tuple(Limit(_network(infer), name) for name, infer in self._runtimes.items()),
            "map up": (Limit(_map_up, "cv2.resize, linear"),),
            "levels": (Limit(self._levels, "cv2.convertScaleAbs"),),
            naming.FG: (Limit(_fg, "cv2.resize, area"),),
            "facts": (Limit(_facts, "cv2.boundingRect, hashlib"),),
            naming.MASK: (Limit(_encode_mask, "cv2.imencode"),),
            naming.SAT: (Limit(_table, "cv2.integral"),),
            naming.BACKGROUND: (Limit(self._encode_background, "simplejpeg"),),
            naming.PHOTO: (Limit(self._encode_photo, "simplejpeg"),),
        }
        if self._options.background == "tiled":
            found["background"] = (Limit(_tile, "cv2.copyMakeBorder"),)
        return found

    def _read(self, one: Sample) -> None:
        with (self._root / one.image.ref.file).open("rb", buffering=0) as file:
            file.read()

    def _levels(self, one: Sample) -> None:
        levels = np.asarray(cv2.convertScaleAbs(one.mask, alpha=255), np.uint8)
        if self._options.members == "lean":
            levels = coverage.small_mask(levels)
        np.greater_equal(levels, cut_level(self._options.threshold))

    def _encode_background(self, one: Sample) -> None:
        assert one.filled  # noqa: S101 - for the type checker
        size = (one.pixels.shape[0], one.pixels.shape[1])
        place = patch.stored_box(one.filled.region, size, self._options.background_store)
        cut = patch.cut_background(one.filled.image, place, self._options.background_side)
        simplejpeg.encode_jpeg(
            np.ascontiguousarray(cut), self._options.background_quality, "RGB", "420", fastdct=False
        )

    def _encode_photo(self, one: Sample) -> None:
        assert one.photo  # noqa: S101 - for the type checker
        if not (one.photo.verbatim and one.pixels is one.photo.image):
            simplejpeg.encode_jpeg(one.pixels, self._options.jpeg_quality, "RGB", "420", fastdct=False)


def _hash(one: Sample) -> None:
    hashlib.sha256(one.data).digest()


def _decode(one: Sample) -> None:
    if one.data[:2] == b"\xff\xd8":
        simplejpeg.decode_jpeg(one.data, "RGB")
    else:
        _decode_by_opencv(one)


def _decode_by_opencv(one: Sample) -> None:
    cv2.imdecode(np.frombuffer(one.data, np.uint8), cv2.IMREAD_COLOR_RGB)


def _resize(one: Sample) -> None:
    side = len(one.input)
    cv2.resize(one.pixels, (side, side), interpolation=cv2.INTER_AREA)


def _network(infer: Infer) -> Step:
    def step(one: Sample) -> None:
        infer(one.input[None])

    return step


def _map_up(one: Sample) -> None:
    cv2.resize(one.map, (one.pixels.shape[1], one.pixels.shape[0]), interpolation=cv2.INTER_LINEAR)


def _fg(one: Sample) -> None:
    side = coverage.FG_SIDE
    cv2.resize(one.stored, (side, side), interpolation=cv2.INTER_AREA)


def _tile(one: Sample) -> None:
    """A copy of the photo, and repeats as large as its box."""
    assert one.filled  # noqa: S101 - for the type checker
    out, box = one.pixels.copy(), one.filled.region
    height, width = box.y1 - box.y0, box.x1 - box.x0
    inside = out[: max(1, height), : max(1, width // 2)]
    cv2.copyMakeBorder(inside, 0, 0, 0, max(0, width - inside.shape[1]), cv2.BORDER_REFLECT)


def _facts(one: Sample) -> None:
    levels = one.hard.view(np.uint8)
    cv2.boundingRect(levels)
    cv2.countNonZero(levels)
    hashlib.sha256(one.stored.data).digest()
    crc32c(one.data)


def _encode_mask(one: Sample) -> None:
    cv2.imencode(".png", one.stored, _PNG)


def _table(one: Sample) -> None:
    cv2.integral(one.hard.view(np.uint8))
