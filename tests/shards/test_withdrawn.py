"""What a withdrawn shard keeps of its photos, and what is said when it is made again."""

from __future__ import annotations

from typing import Any

import pytest

from maskgen.shards import table
from maskgen.shards.kept import drop_committed
from maskgen.shards.withdrawn import (
    changed_photos,
    forget_table,
    holds_its_table,
    keep_table,
    kept_table,
)


def row(key: str, sha256: str | None) -> dict[str, Any]:
    return {"key": key, "path": f"{key}.jpg", "source_sha256": sha256}


def test_the_recorded_table_is_sound_and_no_other(committed: Any) -> None:
    name = committed.plan.shards[0].name
    path = committed.path / f"{name}.parquet"
    assert holds_its_table(committed.path, name)
    path.write_bytes(path.read_bytes() + b"x")
    assert not holds_its_table(committed.path, name)
    path.unlink()
    assert not holds_its_table(committed.path, name)
    assert not holds_its_table(committed.path, "none")


def test_a_photo_changes_when_both_hashes_are_known_and_differ(committed: Any) -> None:
    name = committed.plan.shards[1].name  # b0 is a sample, torn was quarantined without a hash
    keep_table(committed.path, name)
    then = table.read(kept_table(committed.path, name)).to_pylist()
    assert [(one["key"], one["source_sha256"]) for one in then] == [("b0", "a" * 64), ("torn", None)]
    same, other = row("b0", "a" * 64), row("b0", "c" * 64)
    assert changed_photos(committed.path, name, [same, row("torn", "d" * 64)]) == ()
    assert changed_photos(committed.path, name, [other, row("new", "d" * 64)]) == ("b0.jpg",)
    assert (
        changed_photos(committed.path, name, [row("b0", None)]) == ()
    )  # it is quarantined now: told elsewhere
    assert changed_photos(committed.path, name, [{**other, "path": "elsewhere.jpg"}]) == ()
    forget_table(committed.path, name)
    assert changed_photos(committed.path, name, [other]) == ()
    forget_table(committed.path, name)


@pytest.mark.parametrize("content", [b"", b"PAR1 damaged PAR1"])
def test_a_kept_file_that_is_no_table_says_nothing(committed: Any, content: bytes) -> None:
    kept_table(committed.path, "x").write_bytes(content)
    assert changed_photos(committed.path, "x", [row("b0", "c" * 64)]) == ()


def test_what_a_crash_brought_back_is_forgotten_once_the_shard_is_there(committed: Any) -> None:
    name = committed.plan.shards[0].name
    for stem in (name, "folder-train-000009"):
        kept_table(committed.path, stem).write_bytes(b"kept")
    drop_committed(committed.path)
    assert not kept_table(committed.path, name).exists()
    assert kept_table(committed.path, "folder-train-000009").read_bytes() == b"kept"
