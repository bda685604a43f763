"""An open index is whole or refused, follows its file, and shares its pages with other processes."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from descriptors import leading_into

from maskgen.errors import EnvironmentFault
from maskgen.loaders import open_dataset
from maskgen.loaders.index.mapped import DamagedIndexError, Index, check_chunks, chunk_sums

READ = ("jpg", "bg.jpg")


@pytest.fixture
def file(drawn: Any, tmp_path: Path) -> Path:
    return Path(shutil.copy(open_dataset(drawn.path).index.path, tmp_path / "index"))


def test_any_bit_flipped_and_any_cut_is_noticed(file: Path) -> None:
    whole, draw = file.read_bytes(), np.random.default_rng(5)
    Index.open(file)
    for place in [*draw.integers(0, len(whole), 60).tolist(), 0, len(whole) - 1, len(whole) - 12]:
        spoilt = bytearray(whole)
        spoilt[place] ^= 1 << int(draw.integers(8))
        file.write_bytes(spoilt)
        with pytest.raises(DamagedIndexError):
            Index.open(file)
    for length in [*draw.integers(0, len(whole), 20).tolist(), 0, len(whole) - 1, 4096]:
        file.write_bytes(whole[:length])
        with pytest.raises(DamagedIndexError):
            Index.open(file)
    file.write_bytes(whole + b"\0")
    with pytest.raises(DamagedIndexError):
        Index.open(file)


def test_no_descriptor_is_left_of_one_that_was_refused_or_is_not_used_any_more(file: Path) -> None:
    index = Index.open(file)
    assert len(index.manifest.shards) == 4
    assert leading_into(file.parent), "an open one has one"
    del index
    file.write_bytes(b"no index")
    with pytest.raises(DamagedIndexError):
        Index.open(file)
    assert leading_into(file.parent) == []


def test_cut_or_overwritten_under_us_is_an_error_and_not_the_end_of_the_process(file: Path) -> None:
    whole, index = file.read_bytes(), Index.open(file)
    expected = index.places(np.arange(21), READ)
    os.utime(file)
    assert np.array_equal(index.places(np.arange(21), READ).starts, expected.starts), "touched, no more"
    for content in (whole[:4096], b"", whole[:50] + b"x" + whole[51:]):
        file.write_bytes(content)
        with pytest.raises(
            EnvironmentFault, match=r"(?s)changed while it was in use.*open the data set again"
        ):
            index.places(np.arange(21), READ)
        with pytest.raises(EnvironmentFault, match="changed while it was in use"):
            next(index.find(7))
    file.write_bytes(whole)
    assert np.array_equal(index.places(np.arange(21), READ).hashes, expected.hashes)


def test_removed_file_stays_readable_and_a_copy_in_another_process_says_what_is_missing(file: Path) -> None:
    index = Index.open(file)
    again = pickle.loads(pickle.dumps(index))
    assert np.array_equal(again.places(np.arange(21), READ).starts, index.places(np.arange(21), READ).starts)
    travelling = pickle.dumps(index)
    file.unlink()
    assert index.places(np.arange(21), READ).starts.size == 21
    with pytest.raises(EnvironmentFault, match="not there any more"):
        pickle.loads(travelling)
    file.write_bytes(b"something else")
    with pytest.raises(EnvironmentFault, match="not there any more"):
        pickle.loads(travelling)


def test_rows_are_mapped_and_not_copied(file: Path) -> None:
    index = Index.open(file)
    maps = Path("/proc/self/maps").read_text()
    assert f"{os.fstat(index._descriptor).st_ino}" in maps
    assert not index._rows.flags.owndata
    assert not index._rows.flags.writeable


def test_chunks_cover_every_byte_and_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("maskgen.loaders.index.mapped.CHUNK", 10)
    with (tmp_path / "f").open("w+b") as file:
        file.write(b"123456789" + b"0" * 16 + b"behind")
        file.flush()
        sums = list(chunk_sums(file.fileno(), 25))
        assert len(sums) == 3
        check_chunks(file.fileno(), 25, sums)
        for place in range(25):
            file.seek(place)
            file.write(b"x")
            file.flush()
            with pytest.raises(DamagedIndexError):
                check_chunks(file.fileno(), 25, sums)
            file.seek(place)
            file.write(b"1234567890000000000000000"[place : place + 1])
            file.flush()
        check_chunks(file.fileno(), 25, sums)
        with pytest.raises(DamagedIndexError):
            check_chunks(file.fileno(), 40, sums)
