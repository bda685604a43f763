"""Locations: an object store answers as a folder of the same files would."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from faulty_store import FaultyStore

from maskgen.io.storage.location import ObjectLocation, file_sizes, open_location

NAMES = ("a.tar", "b c%41.tar", "deep/d.tar", "deep/er/e.txt", "ü/x", "deepest.tar")


@pytest.fixture
def both(faulty_store: FaultyStore, tmp_path: Path) -> tuple[Path, ObjectLocation]:
    for name in NAMES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
        faulty_store.objects[f"root/{name}"] = name.encode()
    return tmp_path, ObjectLocation("s3://bucket", "root")


@pytest.mark.parametrize("page", [1000, 1])
def test_what_lies_there_is_told_alike(
    both: tuple[Path, ObjectLocation], faulty_store: FaultyStore, page: int
) -> None:
    faulty_store.page = page
    here, far = both
    assert [one.name for one in far.iterdir()] == sorted(one.name for one in here.iterdir())
    assert [one.name for one in far.glob("*.tar")] == sorted(one.name for one in here.glob("*.tar"))
    assert file_sizes(far) == file_sizes(here)
    for name in (*NAMES, "deep", "ü", "absent", "dee"):
        one, other = here / name, far / name
        for asked in ("exists", "is_file", "is_dir"):
            assert getattr(one, asked)() == getattr(other, asked)(), (name, asked)
        assert (one.name, one.stem, one.suffix) == (other.name, other.stem, other.suffix)
        assert str(other.parent / one.name) == str(other)
    assert (far / "a.tar").stat().st_size == (here / "a.tar").stat().st_size
    with pytest.raises(FileNotFoundError):
        (far / "absent").stat()


def test_a_location_travels_to_a_worker_as_its_address() -> None:
    location = open_location("s3://bucket/root/a.tar")
    assert pickle.loads(pickle.dumps(location)) == location
    assert str(location) == "s3://bucket/root/a.tar"
