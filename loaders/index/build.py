"""An index, made from the shards' tables once."""

from __future__ import annotations

import itertools
import mmap
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from maskgen.errors import ShardFault
from maskgen.shards import naming
from maskgen.shards.manifest import Manifest
from maskgen.shards.record import Record
from maskgen.shards.sealed_json import MEND

from .layout import VERSION, Layout, Places, TooLargeError
from .mapped import chunk_sums, seal

_OPENERS = 8
_BATCH = 1024
_SORTED = 1 << 24
"""Hashes that are sorted at a time."""


def write_index(
    descriptor: int,
    whole: Manifest,
    facts: dict[str, Any],
    times: NDArray[np.int64],
    opened: Callable[[int], Places],
) -> NDArray[np.int64]:
    """Write an index into an empty file.

    Args:
        descriptor: of the file.
        whole: the manifest.
        facts: ``fixed``, ``checksums``, ``remote`` and ``manifest`` of the index's head.
        times: (S, 3) int64, when each file of a shard was written, as `mtime_ns`.
        opened: the places of the samples of a shard, by the shard's number; called by several threads.

    Returns:
        The numbers of those samples whose hash another sample has too; only they can have equal keys.

    Raises:
        ShardFault: what `opened` raises.
        OSError: the disk is full or broken.
    """
    try:
        layout = _write_rows(descriptor, _layout(whole, facts, wide=False), whole, opened)
    except TooLargeError:
        layout = _write_rows(descriptor, _layout(whole, facts, wide=True), whole, opened)
    alike = _write_order(descriptor, layout)
    _write_all(descriptor, _directory(layout, whole, times), layout.sections["shards"][0])
    head = {
        **facts,
        "version": VERSION,
        "format": whole.format,
        "identity": whole.identity,
        "fingerprint": whole.shards[0].fingerprint if whole.shards else "",
        "members": whole.members,
        "planned": whole.planned,
        "complete": whole.complete,
        "samples": layout.samples,
        "shards": layout.shards,
        "name_bytes": layout.name_bytes,
        "wide": layout.wide,
        "chunks": list(chunk_sums(descriptor, layout.bytes)),
    }
    _write_all(descriptor, np.frombuffer(seal(head), np.uint8), layout.bytes)
    return alike


def _layout(whole: Manifest, facts: dict[str, Any], *, wide: bool) -> Layout:
    longest = max((len(record.name) for record in whole.shards), default=1)
    return Layout(
        whole.samples,
        len(whole.shards),
        longest,
        whole.members,
        facts["fixed"],
        checksums=facts["checksums"],
        wide=wide,
    )


def _write_rows(descriptor: int, layout: Layout, whole: Manifest, opened: Callable[[int], Places]) -> Layout:
    """Several shards are opened at a time, as most of it waits for the disk or hashes."""
    os.ftruncate(descriptor, 0)
    os.posix_fallocate(descriptor, 0, max(1, layout.bytes))  # a full disk is noticed now
    firsts = np.cumsum([0] + [record.samples for record in whole.shards]).tolist()

    def write(number: int) -> None:
        for name, part in zip(("rows", "rest"), layout.pack(opened(number)), strict=True):
            start, _, kind = layout.sections[name]
            _write_all(descriptor, part, start + firsts[number] * kind.itemsize)

    with ThreadPoolExecutor(_OPENERS) as pool:
        for first in range(0, layout.shards, _BATCH):  # a future for each shard would fill the memory
            list(pool.map(write, range(first, min(first + _BATCH, layout.shards))))
    return layout


def _write_order(descriptor: int, layout: Layout) -> NDArray[np.int64]:
    """The samples' numbers in the order of their hashes, a range of hashes at a time."""
    alike = [np.zeros(0, np.int64)]
    if not layout.samples:
        return alike[0]
    start, count, kind = layout.sections["rows"]
    with mmap.mmap(descriptor, layout.bytes, access=mmap.ACCESS_READ) as view:
        hashes = np.frombuffer(view, kind, count, start)["hash"].astype(np.uint64)
    place = layout.sections["order"][0]
    for numbers in sorted_parts(hashes, -(-count // _SORTED)):
        _write_all(descriptor, numbers.astype(layout.number), place)
        place += numbers.size * layout.number.itemsize
        same = np.diff(hashes[numbers]) == 0
        alike.append(numbers[np.append(same, False) | np.insert(same, 0, False)])
    return np.concatenate(alike)


def sorted_parts(hashes: NDArray[np.uint64], parts: int) -> Iterator[NDArray[np.int64]]:
    """What ``argsort`` of (N,) uint64 hashes gives, stable, in so many parts: the memory is for one of them.

    Example:
        >>> hashes = np.array([2**63, 5, 2**63 + 1, 5], np.uint64)
        >>> [part.tolist() for part in sorted_parts(hashes, 2)]
        [[1, 3], [0, 2]]
    """
    borders = [(number << 64) // parts for number in range(parts)] + [1 << 64]
    for low, high in itertools.pairwise(borders):
        inside = np.flatnonzero((hashes >= np.uint64(low)) & (hashes <= np.uint64(high - 1)))
        yield inside[np.argsort(hashes[inside], kind="stable")]


def _directory(layout: Layout, whole: Manifest, times: NDArray[np.int64]) -> NDArray[Any]:
    entries = np.zeros(layout.shards, layout.shard)
    for number, record in enumerate(whole.shards):
        entry = entries[number]
        entry["name"], entry["samples"], entry["failed"] = record.name.encode(), record.samples, record.failed
        entry["bytes"], entry["sha256"] = _files(record)
    entries["mtime_ns"] = times
    return entries


def _files(record: Record) -> tuple[list[int], list[list[int]]]:
    facts = [record.files.get(suffix) for suffix in naming.SUFFIXES]
    try:
        sums = [list(bytes.fromhex(fact.sha256)) if fact else [0] * 32 for fact in facts]
    except ValueError:
        sums = []
    if [len(each) for each in sums] != [32] * len(facts):
        raise ShardFault("a SHA-256 in the manifest is none", where=record.name, remedy=MEND)
    return [fact.bytes if fact else -1 for fact in facts], sums


def _write_all(descriptor: int, data: NDArray[Any], start: int) -> None:
    view = memoryview(data.tobytes())
    while view:
        count = os.pwrite(descriptor, view, start)
        view, start = view[count:], start + count
