"""What a source has listed, on disk: read once, then dealt into shards from here as often as needed.

Neither the images nor their keys are held in memory, of which there may be hundreds of millions.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from maskgen.errors import EnvironmentFault, ImageFault
from maskgen.io.arrow import array_of
from maskgen.processes.supervisor import map_in_order
from maskgen.shards import naming
from maskgen.shards.plan_table import ROWS
from maskgen.types import Source, SourceItem

from .draft import Draft
from .keys import hash64
from .remembered import Memory
from .sources.listing import Listing
from .sources.parts import FilePart, Lister, Notes

PIECE_ROWS = 1 << 16
_ALONE_S = 5.0
"""A source that takes no longer is listed by this process alone: others take seconds to start."""
_LONGEST_S = 7 * 86_400.0
"""Of one part: a file may be as large as it likes."""
_HASHES = 1 << 22
_IPC = pa.ipc.IpcWriteOptions(compression="zstd")


class Piece(NamedTuple):
    """Images as they were listed.

    Args:
        rows: of `ROWS`, as an Arrow stream; the keys are not unique yet.
        hashes: (N,) uint64, of the keys.
    """

    rows: bytes
    hashes: NDArray[np.uint64]


class _Place(NamedTuple):
    """Where a piece lies: the number of its first image, its bytes."""

    first: int
    offset: int
    size: int


def render_pieces(items: Iterable[SourceItem]) -> Iterator[Piece]:
    """Images as pieces of `PIECE_ROWS`."""
    remaining = iter(items)
    while batch := list(itertools.islice(remaining, PIECE_ROWS)):
        refs = [item.ref for item in batch]
        keys = [naming.safe_key(item.name) for item in batch]
        columns: tuple[list[Any], ...] = (
            keys,
            [item.path for item in batch],
            [json.dumps(item.label) for item in batch],
            [ref.file for ref in refs],
            [ref.offset for ref in refs],
            [ref.size for ref in refs],
            [ref.codec for ref in refs],
            [ref.member for ref in refs],
        )
        arrays = [array_of(values, one.type) for values, one in zip(columns, ROWS, strict=True)]
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, ROWS, options=_IPC) as writer:
            writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=ROWS))
        yield Piece(sink.getvalue().to_pybytes(), np.array([hash64(key) for key in keys], np.uint64))


def parse_rows(data: bytes) -> pa.Table:
    """The rows of a piece."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()


@dataclass
class Listed:
    """All that a source has listed; nothing is left of it when we die.

    Args:
        folder: an existing one, on whose disk it is kept.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """

    folder: Path
    images: int = 0
    _places: list[_Place] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._rows, self._hashes = Draft(self.folder), Draft(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rows.__exit__(kind, error, trace)
        self._hashes.__exit__(kind, error, trace)

    def add(self, piece: Piece) -> None:
        """Append images."""
        count = len(piece.hashes)
        self._places.append(_Place(self.images, self._rows.tell(), len(piece.rows)))
        self._rows.write(piece.rows)
        self._hashes.write(piece.hashes.tobytes())
        self.images += count

    def pieces(self, first: int, last: int) -> Iterator[tuple[int, bytes]]:
        """The pieces that hold the images `first` to `last`, each with the number of its first image."""
        starts = [place.first for place in self._places]
        at = max(0, int(np.searchsorted(starts, first, "right")) - 1)
        for place in itertools.takewhile(lambda one: one.first <= last, self._places[at:]):
            yield place.first, self._rows.read_at(place.offset, place.size)

    def hashes(self) -> Iterator[NDArray[np.uint64]]:
        """The hashes of all keys in their order, some millions at a time."""
        for first in range(0, self.images, _HASHES):
            count = min(_HASHES, self.images - first)
            yield np.frombuffer(self._hashes.read_at(8 * first, 8 * count), np.uint64)


def list_source(
    source: Source, listed: Listed, workers: int, limit: int = 0, memory: Memory | None = None
) -> bool:
    """List a source, once; a large one that comes in parts by several processes.

    Args:
        source: its notes are complete afterwards.
        listed: empty.
        workers: processes at most.
        limit: images to stop at, 0 for none.
        memory: of earlier listings; parts whose files look as they did then are taken from there.

    Returns:
        Whether there are more images than the limit.

    Raises:
        SourceFault: it cannot be listed as a whole.
        EnvironmentFault: the disk is full, or processes keep dying.
    """
    if limit or not isinstance(source, Listing):
        items = source.items()
        for piece in render_pieces(itertools.islice(items, limit or None)):
            listed.add(piece)
        return next(items, None) is not None if limit else False
    memory = memory or Memory(None)
    parts = source.parts(memory.recall)
    memory.look(part.subject for part in parts if isinstance(part, FilePart))
    is_known = [isinstance(part, FilePart) and memory.has(part.subject) for part in parts]
    answers = _list_parts([part for part, known in zip(parts, is_known, strict=True) if not known], workers)
    for part, known in zip(parts, is_known, strict=True):
        answer = (_remembered(memory, part) or _list_part(part)) if known else next(answers)
        pieces = []
        for piece in answer.pieces:
            listed.add(piece)
            pieces += [piece] if isinstance(part, FilePart) else []
        source.found.merge(answer.notes)
        if isinstance(part, FilePart) and not answer.is_remembered:
            memory.keep(part.subject, _render_answer(pieces, answer.notes))
    memory.forget_others()
    return False


class _Answer(NamedTuple):
    """What a part holds; its notes are complete once all pieces have been taken."""

    pieces: Iterable[Piece]
    notes: Notes
    is_remembered: bool = False


def _list_parts(parts: list[Lister], workers: int) -> Iterator[_Answer]:
    """What parts hold, in their order: listed by this process for some seconds, then by several."""
    done, end = 0, time.monotonic() + _ALONE_S
    while done < len(parts) and (workers < 2 or time.monotonic() < end or len(parts) - done < 2):
        yield _list_part(parts[done])
        done += 1
    for answer in map_in_order(_list_whole_part, parts[done:], workers, _LONGEST_S):
        yield _sound(answer)


def _list_part(part: Lister) -> _Answer:
    notes = Notes()
    return _Answer(render_pieces(part(notes)), notes)


def _list_whole_part(part: Lister) -> _Answer:
    answer = _list_part(part)
    return answer._replace(pieces=list(answer.pieces))


def _sound(answer: _Answer | ImageFault) -> _Answer:
    if isinstance(answer, ImageFault):
        raise EnvironmentFault(
            f"a part of the source could not be listed ({answer})",
            cause="too little memory for this many workers",
            remedy="run again with fewer --workers",
        ) from answer
    return answer


def _render_answer(pieces: list[Piece], notes: Notes) -> bytes:
    """What is remembered of a part: lengths and notes as a line of JSON, then the bytes of the pieces."""
    sizes = [(len(piece.rows), len(piece.hashes)) for piece in pieces]
    head = json.dumps({"sizes": sizes, "notes": notes.facts()}).encode()
    return b"".join((head, b"\n", *(part for rows, hashes in pieces for part in (rows, hashes.tobytes()))))


def _remembered(memory: Memory, part: Lister) -> _Answer | None:
    """What is remembered of a part; None when it turns out to be damaged."""
    data = memory.find(part.subject) if isinstance(part, FilePart) else None
    if data is None:
        return None
    end = data.index(b"\n") + 1
    head, notes, pieces = json.loads(data[:end]), Notes(), []
    for one, many, example, count, late in head["notes"]:
        notes.add(one, many, example, count, late=late)
    for rows, hashes in head["sizes"]:
        pieces.append(Piece(data[end : end + rows], np.frombuffer(data, np.uint64, hashes, end + rows)))
        end += rows + 8 * hashes
    return _Answer(pieces, notes, is_remembered=True)
