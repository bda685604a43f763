"""One sample against what its members, its row of the table and the run's options say of it.

Everything that is derived is derived again and compared: what a loader is told without decoding must be so.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..backgrounds.make import HOW, covered_region
from ..backgrounds.rectangle import largest_free_rectangle
from ..errors import ImageFault, ShardFault
from ..io.checksum import crc32c
from ..io.images.header import read_header
from ..io.images.stored import decode_lean_mask, decode_mask, decode_photo
from ..types import Box, HardMask, Label
from . import coverage, naming, patch
from .confidence import mask_confidence
from .meta import META, UNKNOWN, pack_meta, unpack_meta
from .reader import SampleBytes
from .sample import JSON_FIELDS, cut_level, facts_of, hard_mask, stored_mask_size

_JSON_FIELDS_3 = tuple(name for name in JSON_FIELDS if name != "confidence")
_JSON_FIELDS_BEFORE = tuple(name for name in _JSON_FIELDS_3 if name != "damage")
"""Of shards made before damaged photos could be let in."""


def check_sample(
    sample: SampleBytes, row: Mapping[str, Any], options: Mapping[str, Any], version: int
) -> Iterator[str]:
    """Decode a sample, and make again all that is stored of it but its pixels.

    Args:
        sample: all its members.
        row: of the shard's table.
        options: the run's options, from the manifest.
        version: of the shard format, from the manifest.

    Yields:
        A sentence for each thing that is not what it must be.
    """
    parts = sample.members
    try:
        lean = version == naming.LEAN_FORMAT
        facts = facts_of(row, options) if lean else json.loads(parts[naming.JSON])
        size = _stated_size(facts, options)
        wanted_mask = (
            (coverage.FG_SIDE, coverage.FG_SIDE) if lean else stored_mask_size(size, options["mask_side"])
        )
        mask = parts[naming.MASK]
        stored = (
            decode_lean_mask(np.frombuffer(mask, np.uint8), coverage.FG_SIDE) if lean else decode_mask(mask)
        )
        photo = naming.stored_ext(naming.PHOTO, parts)
        if photo in parts:
            yield from _check_picture(photo, parts, size)
        place = patch.background_box(parts[naming.META])
        if naming.BACKGROUND in parts:
            stored_as = patch.stored_size(place, size, options["background_side"])
            yield from _check_picture(naming.BACKGROUND, parts, stored_as)
        label = _label(row, classes=naming.CLASS in parts)
    except (ImageFault, ShardFault, KeyError, TypeError, ValueError) as error:
        yield f"cannot be decoded ({error})"
        return
    if stored.shape != wanted_mask:
        yield f"the mask is {stored.shape[1]}x{stored.shape[0]} px"
    hard = hard_mask(stored, cut_level(options["threshold"], binary=options["binary"]), size)
    table = coverage.summed_area_table(hard).astype("<u2")
    if (coverage.lean_table(table) if lean else table).tobytes() != parts[naming.SAT]:
        yield "the summed-area table is not that of the mask"
    small = coverage.small_mask(stored)
    if lean and not np.isin(stored, coverage.LEVELS).all():
        yield "the mask has other gray levels than a lean one"
    if not lean and small.tobytes() != parts[naming.FG]:
        yield "the small mask is not that of the mask"
    if naming.CLASS in parts and parts[naming.CLASS] != str(label).encode():
        yield f"cls is {parts[naming.CLASS][:40]!r}, its label is {label}"
    where = _place(hard, options)
    confidence = _confidence(small, options) if version >= naming.CONFIDENCE_SINCE else None
    yield from _check_meta(parts[naming.META], hard, label, where, version, confidence)
    known = {} if confidence is None else {"confidence": confidence}
    if not lean:
        wanted = {**_facts(sample.key, row, options, label, hard, where), **known}
        yield from _check_json(facts, wanted, version)
    yield from _check_row(row, parts, stored, hard, known)
    yield from _check_origin(row, parts, hard, options)


def _stated_size(facts: dict[str, Any], options: Mapping[str, Any]) -> tuple[int, int]:
    """(height, width), px, before anything of that size is made."""
    height, width = facts["height"], facts["width"]
    if type(height) is not int or type(width) is not int or not 0 < height * width <= options["max_pixels"]:
        raise ValueError(f"its JSON states {width}x{height} px")
    return height, width


def _check_picture(ext: str, parts: dict[str, bytes], size: tuple[int, int]) -> Iterator[str]:
    header = read_header(parts[ext])  # a bomb is not decoded to learn that it is one
    if (header.height, header.width) != size:
        yield f"{ext} is {header.width}x{header.height} px, not {size[1]}x{size[0]}"
    else:
        decode_photo(parts[ext])


def _label(row: Mapping[str, Any], *, classes: bool) -> Label:
    """What the source says; a photo without a label has -1 where others have a class."""
    raw: int | list[int] | None = json.loads(row["label"])
    if isinstance(raw, list):
        return tuple(raw)
    return -1 if classes and raw is None else raw


def _place(hard: HardMask, options: Mapping[str, Any]) -> Box:
    """Where the stored background must lie."""
    if options["background"] == "none":
        return Box(0, 0, 0, 0)
    region = covered_region(options["background"], hard, options.get("background_version", 1))
    return patch.stored_box(region, (hard.shape[0], hard.shape[1]), options["background_store"])


def _confidence(small: NDArray[np.uint8], options: Mapping[str, Any]) -> float:
    level = cut_level(options["threshold"], binary=options["binary"])
    how, version = options["method"], options["confidence_version"]
    return mask_confidence(small, level, how, binary=options["binary"], version=version)


def _check_meta(
    data: bytes, hard: HardMask, label: Label, place: Box, version: int, confidence: float | None
) -> Iterator[str]:
    """Each field of KEY.meta; formats before 4 have no confidence there."""
    size = (hard.shape[0], hard.shape[1])
    box, free = coverage.foreground_box(hard), largest_free_rectangle(hard)
    share = coverage.foreground_share(hard)
    wanted = unpack_meta(pack_meta(size, box, free, label, share, place, confidence or 0.0))
    found = unpack_meta(data)
    instead = {"version": version, **({"confidence_ppm": UNKNOWN} if confidence is None else {})}
    for name in META.names or ():
        must = instead.get(name, wanted[name].tolist())
        if found[name].tolist() != must:
            yield f"meta states {name} {found[name].tolist()}, it is {must}"


def _facts(
    key: str, row: Mapping[str, Any], options: Mapping[str, Any], label: Label, hard: HardMask, place: Box
) -> dict[str, Any]:
    """What KEY.json must say."""
    return {
        "key": key,
        "source": row["path"],
        "width": hard.shape[1],
        "height": hard.shape[0],
        "label": list(label) if isinstance(label, tuple) else label,
        "method": options["method"],
        "threshold": options["threshold"],
        "fg_area": coverage.state_share(coverage.foreground_share(hard)),
        "fg_box": list(coverage.foreground_box(hard)),
        "background": row["background"],
        "bg_box": list(place),
        "verbatim": row["verbatim"],
    }


def _check_json(facts: dict[str, Any], wanted: dict[str, Any], version: int) -> Iterator[str]:
    since = (JSON_FIELDS,) if version >= naming.CONFIDENCE_SINCE else (_JSON_FIELDS_3, _JSON_FIELDS_BEFORE)
    if tuple(facts) not in since:
        yield f"its JSON has the fields {', '.join(map(str, facts))[:200]}"
    for name, must in wanted.items():
        if name in facts and (facts[name] != must or type(facts[name]) is not type(must)):
            yield f"its JSON states {name} {str(facts[name])[:100]}, it is {str(must)[:100]}"


def _check_row(
    row: Mapping[str, Any],
    parts: dict[str, bytes],
    stored: NDArray[np.uint8],
    hard: HardMask,
    known: Mapping[str, float],
) -> Iterator[str]:
    """The row of the table against what was found, and what is `known` of this format's samples only."""
    content = hashlib.sha256(b"".join(parts.values()))
    wanted = {
        "error": "",
        "width": hard.shape[1],
        "height": hard.shape[0],
        "fg_area": coverage.state_share(coverage.foreground_share(hard)),
        "fg_box": list(coverage.foreground_box(hard)),
        "mask_sha256": hashlib.sha256(np.ascontiguousarray(stored).data).hexdigest(),
        "sha256": content.hexdigest(),
        **known,
    }
    for name, must in wanted.items():
        if row.get(name) != must:
            yield f"the table states {name} {str(row[name])[:100]}, it is {must}"


def _check_origin(
    row: Mapping[str, Any], parts: dict[str, bytes], hard: HardMask, options: Mapping[str, Any]
) -> Iterator[str]:
    """How the background was made must be one of the ways of its kind; a photo as it was has its hash."""
    how = row["background"]
    ways = HOW[options["background"]] if hard.any() or options["background"] == "none" else ("untouched",)
    if how not in ways:
        yield f"the background is said to be {str(how)[:40]!r}, one of {', '.join(ways)} it must be"
    photo = parts.get(naming.PHOTO)
    if photo is None or not row["verbatim"]:
        return
    if hashlib.sha256(photo).hexdigest() != row["source_sha256"]:
        yield "the photo is said to be the source's bytes, and has another SHA-256"
    if "source_crc32c" in row and row["source_crc32c"] != crc32c(photo):  # since format 3
        yield "the photo is said to be the source's bytes, and has another CRC-32C"
