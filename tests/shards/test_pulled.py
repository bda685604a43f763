"""Records of a store: copied as they are there, and not asked for where the manifest knows them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from faulty_store import FaultyStore

from maskgen.errors import ShardFault
from maskgen.io.storage.location import ObjectLocation
from maskgen.shards import manifest, naming
from maskgen.shards.pulled import pull_records

pytestmark = pytest.mark.slow  # its fixture is
PREFIX = "deep/shards"


@pytest.fixture
def far(committed: Any, faulty_store: FaultyStore, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The location of a data set of two shards; any number of records is looked up in its manifest."""
    monkeypatch.setattr(manifest, "_FEW", 0)
    faulty_store.upload(committed.path, PREFIX)
    return ObjectLocation("s3://bucket", PREFIX)


def records(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (folder / naming.RECORDS).iterdir()}


def asked(store: FaultyStore) -> list[str]:
    """The records that were asked for since the last time."""
    found = [key for method, key in store.log if method == "GET" and f"{naming.RECORDS}/" in key]
    store.log.clear()
    return found


def test_records_that_are_as_in_the_manifest_are_not_asked_for(
    far: Any, committed: Any, faulty_store: FaultyStore, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    assert pull_records(far, own)
    assert asked(faulty_store) == []
    assert records(own) == records(committed.path)
    assert not pull_records(far, own)
    times = {path.stat().st_mtime for path in (own / naming.RECORDS).iterdir()}
    assert len(times) == 1, "those of the objects, which are all of one day"


def test_a_record_that_is_another_than_in_the_manifest_is_read(
    far: Any, committed: Any, faulty_store: FaultyStore, tmp_path: Path
) -> None:
    """One was made anew since: it has the size that the manifest lets expect, and another MD5."""
    name = f"{committed.plan.shards[1].name}.json"
    key = f"{PREFIX}/{naming.RECORDS}/{name}"
    data = faulty_store.objects[key]
    faulty_store.objects[key] = data.replace(b'"samples": 1', b'"samples": 2')
    own = tmp_path / "own"
    own.mkdir()
    pull_records(far, own)
    assert asked(faulty_store) == [key]
    assert records(own)[name] == faulty_store.objects[key] != data
    del faulty_store.objects[key]
    assert pull_records(far, own), "it went"
    assert name not in records(own)


@pytest.mark.parametrize("damage", ["none", "damaged"])
def test_without_a_sound_manifest_every_record_is_read(
    far: Any, committed: Any, faulty_store: FaultyStore, tmp_path: Path, damage: str
) -> None:
    if damage == "none":
        del faulty_store.objects[f"{PREFIX}/{naming.MANIFEST}"]
    else:
        faulty_store.objects[f"{PREFIX}/{naming.MANIFEST}"] = b"{}"
    own = tmp_path / "own"
    own.mkdir()
    pull_records(far, own)
    assert len(asked(faulty_store)) == 2
    assert records(own) == records(committed.path)


def test_a_merge_of_records_in_a_store_asks_for_those_alone_that_the_manifest_does_not_have(
    far: Any, committed: Any, faulty_store: FaultyStore
) -> None:
    assert manifest.build(far).render() == manifest.build(committed.path).render()
    assert asked(faulty_store) == []
    name = committed.plan.shards[1].name
    key = f"{PREFIX}/{naming.RECORDS}/{name}.json"
    faulty_store.objects[key] = faulty_store.objects[key].replace(b'"samples": 1', b'"samples": 2')
    with pytest.raises(ShardFault, match=name):
        manifest.build(far)
    assert asked(faulty_store) == [key]
    del faulty_store.objects[key]
    faulty_store.objects[f"{PREFIX}/{naming.RECORDS}/{name}.withdrawn"] = b"a table"
    assert [record.name for record in manifest.build(far).shards] == [committed.plan.shards[0].name]
    assert [record.name for record in manifest.build(far, names={name}).shards] == []
    assert asked(faulty_store) == []
