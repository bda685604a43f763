"""Contact sheets: one sample per row, its pictures side by side, several columns of rows."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..io.images.encode import resize_image, resize_mask
from ..io.images.stored import decode_mask, decode_photo
from ..io.storage.location import Location
from ..shards import coverage, naming, patch, reader, table
from ..shards.manifest import Manifest
from ..shards.meta import UNKNOWN, unpack_meta
from ..shards.record import Record
from ..shards.sample import hard_mask
from ..types import RGB, HardMask

CELL = 160
_TALLEST = 240  # px; a picture that would be higher is narrower than its cell
_GAP = 4
_TEXT = 16
_TITLE = 22  # characters above a picture
_SHOWN = (naming.PHOTO, naming.LOSSLESS_PHOTO, naming.MASK, naming.BACKGROUND, naming.META)
_GRAY = 127  # where the photo of a patch is not at hand
_TINT = np.array([230, 30, 60], np.float32)


@dataclass(frozen=True, slots=True)
class Row:
    """One sample of a sheet: its key and its pictures, each (H, W, 3) uint8 RGB.

    Args:
        key: of the sample.
        pictures: side by side.
        confidence: in its mask, [0, 1]; None where it is unknown.
    """

    key: str
    pictures: tuple[RGB, ...]
    confidence: float | None = None


Places: TypeAlias = list[tuple[Record, tuple[int, ...]]]
"""Samples of a data set, as their places in each shard that has some."""


def spread(whole: Manifest, count: int) -> Places:
    """`count` samples at equal distances over a data set."""
    last = max(0, whole.samples - 1)
    wanted = np.unique(np.linspace(0, last, min(count, whole.samples)).round().astype(int))
    first, found = 0, []
    for record in whole.shards:
        inside = wanted[(wanted >= first) & (wanted < first + record.samples)] - first
        first += record.samples
        if len(inside):
            found.append((record, tuple(inside.tolist())))
    return found


def least_confident(data: Location, whole: Manifest, count: int) -> Places:
    """The `count` samples of a data set whose masks are trusted least; of equal ones the first.

    Raises:
        ShardFault: a table cannot be read.
        UsageError: the data set has no confidences.
    """
    if whole.format < naming.CONFIDENCE_SINCE:
        raise UsageError(
            "these shards say nothing of the confidence in their masks",
            where=str(data),
            cause=f"they are of format {whole.format}, it is stored since format {naming.CONFIDENCE_SINCE}",
            remedy="make them anew with maskgen run",
        )
    known: list[tuple[float, int, int]] = []
    for number, record in enumerate(whole.shards):
        rows = table.read(data / f"{record.name}.parquet", ["status", "confidence"]).to_pylist()
        good = [row["confidence"] for row in rows if row["status"] == "ok"]
        known += [(confidence, number, place) for place, confidence in enumerate(good)]
    chosen = heapq.nsmallest(count, known)
    places: dict[int, list[int]] = {}
    for _, number, place in sorted(chosen, key=lambda one: one[1:]):
        places.setdefault(number, []).append(place)
    return [(whole.shards[number], tuple(inside)) for number, inside in places.items()]


def pick(
    data: Location, whole: Manifest, places: Places, photos: Mapping[str, RGB] | None = None
) -> Iterator[Row]:
    """Rows of some samples of a data set, in its order.

    Args:
        data: its folder.
        whole: its manifest.
        places: of the samples, see `spread` and `least_confident`.
        photos: by key, where the shards hold none, (H, W, 3) uint8 RGB each.

    Raises:
        ShardFault: a shard is not as recorded.
    """
    parts = tuple(ext for ext in whole.members if ext in _SHOWN)
    for record, inside in places:
        for number, sample in enumerate(reader.read_samples(data, record, parts)):
            if number in inside:
                yield sample_row(sample, whole.level, (photos or {}).get(sample.key))


def titles(members: Sequence[str], *, photos: bool) -> tuple[str, ...]:
    """What the pictures of `sample_row` show.

    Args:
        members: of every sample.
        photos: whether photos are given that the shards do not hold.

    Example:
        >>> from maskgen.drawing.contact_sheet import titles
        >>> titles(("mask.png", "bg.jpg"), photos=False)
        ('mask', 'background')
    """
    shown = (
        ("photo", "mask", "overlay")
        if photos or naming.stored_ext(naming.PHOTO, members) in members
        else ("mask",)
    )
    return (*shown, "background") if naming.BACKGROUND in members else shown


def sample_row(sample: reader.SampleBytes, level: int, photo: RGB | None = None) -> Row:
    """The pictures of one sample: photo, mask, overlay and the whole background, as far as they are stored.

    Args:
        sample: its photo, mask, background and meta.
        level: smallest mask value that counts as foreground.
        photo: (H, W, 3) uint8 RGB, upright, where the sample holds none; it gets the size in KEY.meta.

    Raises:
        ImageFault: a member cannot be decoded.
        ShardFault: the members contradict each other.
    """
    parts = sample.members
    mask = decode_mask(parts[naming.MASK])
    if naming.BACKGROUND not in parts and mask.shape == (coverage.FG_SIDE, coverage.FG_SIDE):
        mask = resize_mask(mask, patch.photo_size(parts[naming.META]))  # a lean mask is a square
    pictures: list[RGB] = [gray_picture(mask)]
    ext = naming.stored_ext(naming.PHOTO, parts)
    if ext in parts:
        photo = decode_photo(parts[ext])
    elif photo is not None:
        photo = resize_image(photo, patch.photo_size(parts[naming.META]))
    if photo is not None:
        hard = hard_mask(mask, level, (photo.shape[0], photo.shape[1]))
        pictures = [photo, *pictures, overlay(photo, hard)]
    if naming.BACKGROUND in parts:
        pictures.append(_background(parts, photo))
    ppm = int(unpack_meta(parts[naming.META])["confidence_ppm"])
    return Row(sample.key, tuple(pictures), None if ppm == UNKNOWN else ppm / 1e6)


def _background(parts: dict[str, bytes], photo: RGB | None) -> RGB:
    """The whole background; a patch whose photo is not at hand lies on gray."""
    if photo is None:
        photo = np.full((*patch.photo_size(parts[naming.META]), 3), _GRAY, np.uint8)
    return patch.read_background(parts, photo)


def gray_picture(levels: NDArray[np.uint8]) -> RGB:
    """(H, W) uint8 levels as an (H, W, 3) uint8 gray picture.

    Example:
        >>> from maskgen.drawing.contact_sheet import gray_picture
        >>> import numpy as np
        >>> gray_picture(np.full((2, 3), 9, np.uint8)).shape
        (2, 3, 3)
    """
    return np.repeat(levels[..., None], 3, axis=2)


def overlay(photo: RGB, hard: HardMask) -> RGB:
    """The photo with its foreground tinted.

    Args:
        photo: (H, W, 3) uint8 RGB.
        hard: (H, W) bool.

    Returns:
        (H, W, 3) uint8 RGB.

    Example:
        >>> from maskgen.drawing.contact_sheet import overlay
        >>> import numpy as np
        >>> photo = np.zeros((1, 2, 3), np.uint8)
        >>> overlay(photo, np.array([[False, True]])).tolist()
        [[[0, 0, 0], [115, 15, 30]]]
    """
    tinted = photo.astype(np.float32)
    tinted[hard] = 0.5 * tinted[hard] + 0.5 * _TINT
    return tinted.astype(np.uint8)


def render_sheet(rows: Sequence[Row], titles: Sequence[str] = (), ending: str = ".png") -> bytes:
    """A picture of all rows, in as many columns as keep it about as wide as high.

    Args:
        rows: samples with equally many pictures.
        titles: what each picture of a row is, written above every column.
        ending: ``.png``, ``.jpg`` or ``.jpeg``: what the bytes are.

    Returns:
        The file's bytes.

    Raises:
        ValueError: OpenCV does not write such files.

    Example:
        >>> from maskgen.drawing.contact_sheet import render_sheet
        >>> import numpy as np
        >>> from maskgen.drawing.contact_sheet import Row
        >>> data = render_sheet([Row("a", (np.zeros((30, 40, 3), np.uint8),))], ("photo",))
        >>> data[1:4]
        b'PNG'
    """
    width = max((len(row.pictures) for row in rows), default=1) * (CELL + _GAP) + _GAP
    drawn = [_render_row(row, width) for row in rows]
    columns = max(1, round((sum(map(len, drawn)) / width) ** 0.5))
    head = _GAP + (_TEXT if titles else 0)
    ends, corners = [head] * columns, []
    for picture in drawn:  # each where the sheet is shortest, so that a low row leaves no band below it
        column = ends.index(min(ends))
        corners.append((ends[column], column * width))
        ends[column] += len(picture)
    sheet = np.full((max(*ends, head + _TEXT), columns * width, 3), 255, np.uint8)
    for column in range(columns):
        for number, title in enumerate(titles):
            _write(sheet[:head], title[:_TITLE], column * width + _GAP + number * (CELL + _GAP))
    for picture, (top, left) in zip(drawn, corners, strict=True):
        sheet[top : top + len(picture), left : left + width] = picture
    done, data = cv2.imencode(ending, cv2.cvtColor(sheet, cv2.COLOR_RGB2BGR))
    if not done:  # pragma: no cover - OpenCV refuses no plain array
        raise ValueError("OpenCV could not write the contact sheet")
    return bytes(data)


def _render_row(row: Row, width: int) -> RGB:
    """The pictures of a row above its key and its confidence, as high as the highest of them."""
    pictures = [fit(picture) for picture in row.pictures]
    high = max((len(picture) for picture in pictures), default=0)
    area = np.full((high + _TEXT + _GAP, width, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        left = _GAP + number * (CELL + _GAP)
        area[: len(picture), left : left + picture.shape[1]] = picture
    known = "" if row.confidence is None else f"{row.confidence:.2f} "
    _write(area[high:], known + row.key[: 60 - len(known)], _GAP)
    return area


def _write(area: NDArray[np.uint8], text: str, left: int) -> None:
    text = text.encode("utf-8", "backslashreplace").decode()  # OpenCV crashes on what is no Unicode
    cv2.putText(area, text, (left, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, (40, 40, 40), 1, cv2.LINE_AA)


def fit(picture: RGB) -> RGB:
    """A picture at the size it has in a sheet: `CELL` px wide, less where it would be above 240 px high.

    Example:
        >>> from maskgen.drawing.contact_sheet import fit
        >>> import numpy as np
        >>> fit(np.zeros((30, 60, 3), np.uint8)).shape
        (80, 160, 3)
    """
    scale = min(CELL / picture.shape[1], _TALLEST / picture.shape[0])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    kernel = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, size, interpolation=kernel), np.uint8)
