"""The masks that are drawn: photo | mask | overlay, each once, however many sheets it is on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from ..config.counted import counted
from ..drawing.contact_sheet import gray_picture, overlay
from ..drawing.page import picture, plain
from ..errors import ImageFault, ShardFault
from ..evaluation.reading import read_levels, read_truth
from ..io.images.encode import encode_jpeg, resize_image, resize_mask
from ..io.images.stored import decode_photo
from ..processes.threads import map_threads
from ..types import RGB
from .opened import READERS
from .sample import Findings, Sample, find_named

SIDE = 200
"""Long side of a picture, px."""
_QUALITY = 80


@dataclass(frozen=True, slots=True)
class Gallery:
    """The contact sheets.

    Args:
        sheets: samples by the sheet's name, each in its order.
        findings: what is known of them.
        level: the smallest mask value, 1..255, that counts as foreground.
        photos: what reads those of masks that come without, by key, see `photos.find_photos`.
    """

    sheets: Mapping[str, Sequence[Sample]]
    findings: Findings
    level: int
    photos: Mapping[str, Callable[[], RGB]] = field(default_factory=dict)

    @property
    def samples(self) -> list[Sample]:
        """Each sample once: the first of every sheet, then the second ones, and so on."""
        found = dict[str, Sample]()
        for some in zip_longest(*self.sheets.values()):
            found |= {one.key: one for one in some if one is not None and one.key not in found}
        return list(found.values())


def draw_cards(gallery: Gallery, most_bytes: int) -> list[str]:
    """As many cards as there is room for, in the order of `Gallery.samples`.

    Raises:
        UsageError, ShardFault: a picture cannot be read.
    """
    cards, left = list[str](), most_bytes
    places = _places(gallery)
    drawn = map_threads(lambda one: _card(one, gallery, places[one.key]), gallery.samples, READERS)
    with closing(drawn):
        for card in drawn:
            left -= len(card.encode()) + 1
            if left < 0:
                break
            cards.append(card)
    return cards


def _places(gallery: Gallery) -> dict[str, str]:
    """By key, the sheets that a sample is on with its place there, as the page's script reads them."""
    places = dict[str, list[str]]()
    for name, samples in gallery.sheets.items():
        for place, sample in enumerate(samples):
            places.setdefault(sample.key, []).append(f"{name}:{place}")
    return {key: " ".join(found) for key, found in places.items()}


def _card(sample: Sample, gallery: Gallery, places: str) -> str:
    views = list(_views(sample, gallery))
    count = {1: " one", 2: " two", 4: " two"}.get(len(views), "")
    named = [name for name, _, _ in views] != ["photo", "mask", "overlay"]  # those are always in this order
    shown = "".join(_figure(jpeg, name, sample.key, size, named=named) for name, jpeg, size in views)
    values = _values(sample, gallery.findings)
    marks = "".join(f' data-{name}="{value:.6g}"' for name, value in values.items())
    path = f"<span>{plain(sample.path)}</span>" if sample.path != sample.key else ""
    return (
        f'<li data-sheets="{places}" data-name="{plain(sample.key)}"{marks}>'
        f'<div class="views{count}">{shown}</div>'
        f'<div class="card"><b>{plain(sample.key)}</b>{path}'
        f"<span>{_caption(sample, values)}</span></div></li>"
    )


def _figure(jpeg: bytes, name: str, key: str, size: tuple[int, int], *, named: bool) -> str:
    below = f"<figcaption>{plain(name)}</figcaption>" if named else ""
    return f"<figure>{picture(jpeg, f'{name} of {key}', size)}{below}</figure>"


def _values(sample: Sample, findings: Findings) -> dict[str, float]:
    """What cards are sorted by, as far as it is known."""
    values: dict[str, float | None] = {
        "coverage": sample.coverage,
        "confidence": sample.confidence,
        "pieces": findings.pieces.get(sample.key),
        "agreement": findings.agreement.get(sample.key),
        "truth": find_named(sample.entry, findings.truth),
    }
    return {name: value for name, value in values.items() if value is not None}


def _caption(sample: Sample, values: Mapping[str, float]) -> str:
    parts = [f"{100 * sample.coverage:.1f} % foreground" if sample.coverage else "empty"]
    if sample.coverage and "pieces" in values:
        parts.append(counted(int(values["pieces"]), "piece") if values["pieces"] else "specks alone")
    if sample.sides:
        parts.append(f"touches {counted(sample.sides, 'side')}")
    if "confidence" in values:
        parts.append(f"confidence {values['confidence']:.2f}")
    if "agreement" in values:
        parts.append(f"IoU with the other {values['agreement']:.3f}")
    if "truth" in values:
        parts.append(f"IoU with its truth {values['truth']:.3f}")
    return " · ".join(parts)


def _views(sample: Sample, gallery: Gallery) -> Iterator[tuple[str, bytes, tuple[int, int]]]:
    """Name, JPEG and size of each picture of a sample."""
    levels = read_levels(sample.entry.mask)
    size = fit_size(sample.size or (levels.shape[0], levels.shape[1]))
    mask = resize_mask(levels, size)
    photo = _photo(sample, gallery)
    if photo is not None:
        photo = resize_image(photo, size)
        yield "photo", encode_jpeg(photo, _QUALITY), size
        yield "mask", _encode_gray(mask), size
        yield "overlay", encode_jpeg(overlay(photo, mask >= gallery.level), _QUALITY), size
    else:
        yield "mask", _encode_gray(mask), size
    if other := gallery.findings.others.get(sample.key):
        yield "other mask", _encode_gray(resize_mask(read_levels(other), size)), size
    truth = find_named(sample.entry, gallery.findings.truths)
    if truth is not None:
        hard, _ = read_truth(truth)
        yield "truth", _encode_gray(resize_mask(np.where(hard, np.uint8(255), np.uint8(0)), size)), size


def fit_size(size: tuple[int, int]) -> tuple[int, int]:
    """The (height, width) at which a picture is drawn: no side above `SIDE` px, none below 1, never larger.

    Example:
        >>> from maskgen.report.cards import fit_size
        >>> fit_size((300, 400)), fit_size((30, 40))
        ((150, 200), (30, 40))
    """
    scale = min(1.0, SIDE / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def _encode_gray(levels: NDArray[np.uint8]) -> bytes:
    return encode_jpeg(gray_picture(levels), _QUALITY)


def _photo(sample: Sample, gallery: Gallery) -> RGB | None:
    own = sample.entry.photo
    if own is None:
        read = gallery.photos.get(sample.key)
        return read() if read else None
    try:
        return decode_photo(own.read())
    except ImageFault as error:
        raise ShardFault(
            "cannot read a photo", where=str(own), cause=str(error), remedy="maskgen verify"
        ) from error
