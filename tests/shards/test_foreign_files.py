"""Files of others in a data set's folder: found by what a reader could mistake, set aside and never
deleted.
"""

from __future__ import annotations

from typing import Any

import pytest

from maskgen.shards import foreign_files, manifest


@pytest.fixture
def cluttered(committed: Any) -> Any:
    for name in ("other.tar", "d-train-000007.idx", "old_Manifest.json", "notes.txt", ".manifest-swap"):
        (committed.path / name).write_bytes(name.encode())
    return committed


def test_what_a_reader_could_mistake_is_found_and_nothing_else(committed: Any, cluttered: Any) -> None:
    shards = manifest.read(cluttered.path).shards
    found = dict(foreign_files.find(cluttered.path, shards))
    assert set(found) == {"other.tar", "d-train-000007.idx", "old_Manifest.json"}
    assert found["old_Manifest.json"] == "a second manifest"
    assert found["other.tar"] == "a file that the manifest does not know"


def test_they_are_moved_as_they_are(cluttered: Any) -> None:
    moved = foreign_files.set_aside(cluttered.path)
    assert sorted(moved) == ["d-train-000007.idx", "old_Manifest.json", "other.tar"]
    for name in moved:
        assert not (cluttered.path / name).exists()
        assert (cluttered.path / "set-aside" / name).read_bytes() == name.encode()
    assert (cluttered.path / "notes.txt").exists()
    assert foreign_files.set_aside(cluttered.path) == []


def test_half_a_shard_that_a_run_will_replace_stays(planned: Any) -> None:
    assert planned.commit(0)
    half = planned.path / f"{planned.plan.shards[1].name}.tar"
    half.write_bytes(b"of a killed attempt")
    assert foreign_files.set_aside(planned.path) == []
    assert half.exists()
