"""A listing on disk: the images as they came, whatever pieces they lie in, and nothing of it left behind."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from maskgen.errors import SourceFault
from maskgen.pipelines import listed as module
from maskgen.pipelines.keys import hash64
from maskgen.pipelines.listed import Listed, list_source, parse_rows, render_pieces
from maskgen.pipelines.sources.listing import Listing
from maskgen.pipelines.sources.parts import Notes
from maskgen.types import ByteRef, SourceItem


def items(first: int, last: int, notes: Notes | None = None) -> Iterator[SourceItem]:
    for number in range(first, last):
        ref = ByteRef(f"{number}.zip", number, 2 * number, "zip", f"ü{number}")
        yield SourceItem(f"n {number}", ref, (number, 7), f"d/{number}")
    if notes:
        notes.add("part", "parts", str(first))


def test_images_come_back_from_any_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PIECE_ROWS", 4)
    monkeypatch.setattr(module, "_HASHES", 3)
    with Listed(tmp_path) as listed:
        for piece in render_pieces(items(0, 10)):
            listed.add(piece)
        assert list(tmp_path.iterdir()) == []
        assert listed.images == 10
        for first, last, starts in ((0, 9, [0, 4, 8]), (3, 4, [0, 4]), (4, 7, [4]), (8, 8, [8])):
            assert [start for start, _ in listed.pieces(first, last)] == starts
        rows = [row for _, data in listed.pieces(0, 9) for row in parse_rows(data).to_pylist()]
        assert rows[9] == {
            "key": "n_9",
            "path": "d/9",
            "label": "[9, 7]",
            "file": "9.zip",
            "offset": 9,
            "size": 18,
            "codec": "zip",
            "member": "ü9",
        }
        assert np.concatenate(list(listed.hashes())).tolist() == [hash64(f"n_{n}") for n in range(10)]


def test_a_limit_ends_the_listing(tmp_path: Path) -> None:
    for limit, more, images in ((7, True, 7), (10, False, 10), (11, False, 10), (0, False, 10)):
        source = Listing(parts=lambda *_: [partial(items, 0, 6), partial(items, 6, 10)])
        with Listed(tmp_path) as listed:
            assert list_source(source, listed, workers=1, limit=limit) is more
            assert listed.images == images


def broken(notes: Notes) -> Iterator[SourceItem]:
    yield from items(0, 3, notes)
    raise SourceFault("the folder is gone", remedy="mount it")


@pytest.mark.slow
def test_a_part_that_cannot_be_listed_ends_it_from_another_process_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Listing(parts=lambda *_: [partial(items, 0, 3), broken])
    for seconds in (5.0, 0.0):
        monkeypatch.setattr(module, "_ALONE_S", seconds)
        with Listed(tmp_path) as listed, pytest.raises(SourceFault, match="the folder is gone"):
            list_source(source, listed, workers=2)
