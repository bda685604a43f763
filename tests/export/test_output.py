from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import pytest
from object_stores import objects

from maskgen.errors import UsageError
from maskgen.export.output import FolderOutput, HashedFile, check_free, open_output
from maskgen.io.storage.location import open_location
from maskgen.io.storage.reading import read_whole


@pytest.fixture(params=["folder", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A place to write to, of either kind."""
    if request.param == "store":
        request.getfixturevalue("amazon")
        return open_location("s3://photos/deep/out")
    return tmp_path / "out"


def test_what_is_written_is_read(place: Any) -> None:
    output = open_output(place)
    check_free(place)
    with output.hold():
        output.write("a/b.png", b"old")
        output.write("a/b.png", b"new")
        with output.open("c") as file:
            file.write(b"one ")
            file.write(b"two")
        output.sync()
    assert [read_whole(output.location / path) for path in ("a/b.png", "c")] == [b"new", b"one two"]
    with pytest.raises(UsageError, match="not empty"):
        check_free(place)


def test_a_file_that_was_not_finished_is_not_there(place: Any) -> None:
    output = open_output(place)
    with pytest.raises(ZeroDivisionError), output.hold(), output.open("a/b") as file:  # noqa: PT012
        file.write(b"half")
        raise ZeroDivisionError
    assert not (output.location / "a/b").is_file()
    assert not list(place.rglob("*b*")) if isinstance(place, Path) else not place.is_dir()


def test_what_dead_processes_left_is_cleared(tmp_path: Path) -> None:
    left = tmp_path / "a" / ".x.png.elsewhere-00000000-1-1-0.partial"
    left.parent.mkdir()
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    FolderOutput(tmp_path).write("a/y.png", b"")
    assert [path.name for path in left.parent.iterdir()] == ["y.png"]


def test_a_missing_bucket_and_a_file_in_the_way(amazon: Any, tmp_path: Path) -> None:
    for act in (check_free, lambda place: open_output(place).write("a", b"")):
        with pytest.raises(UsageError, match="no such bucket"):
            act(open_location("s3://none/at/all"))
    assert objects(amazon) == {}
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError):
        check_free(tmp_path / "file")


def test_what_passes_through_is_counted_and_hashed() -> None:
    sink = io.BytesIO()
    file = HashedFile(sink)
    assert (file.write(b"ab"), file.write(memoryview(b"c"))) == (2, 1)
    file.flush()
    file.close()
    assert (sink.getvalue(), file.tell(), file.size) == (b"abc", 3, 3)
    assert file.sha256 == hashlib.sha256(b"abc").hexdigest()
