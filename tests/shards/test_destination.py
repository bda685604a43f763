"""A data set that is being made, by a folder or by an address."""

from __future__ import annotations

from typing import Any

import pytest
from faulty_store import FaultyStore

from maskgen.errors import ShardFault, UsageError
from maskgen.shards import manifest
from maskgen.shards.destination import open_destination
from maskgen.shards.record import read_records


def test_a_folder_is_worked_in_where_it_is(committed: Any) -> None:
    with open_destination(committed.path) as destination:
        assert destination.folder == destination.location == committed.path
        records = list(read_records(destination.folder))
        destination.check_sizes(records)
        name = records[0].name
        destination.withdraw(name)
        assert destination.knows_table(name)
        destination.write_manifest()
        assert [record.name for record in manifest.read(committed.path).shards] == [records[1].name]
        (committed.path / f"{records[1].name}.tar").unlink()
        with pytest.raises(ShardFault, match="missing"):
            destination.check_sizes(records[1:])


def test_errors_speak_of_the_address_and_the_folder_goes_away(faulty_store: FaultyStore) -> None:
    folders = []

    def fail() -> None:
        with open_destination("s3://bucket/shards") as destination:
            folders.append(destination.folder)
            raise UsageError("not here", where=str(destination.folder / "plan.json"))

    with pytest.raises(UsageError) as caught:
        fail()
    assert caught.value.where == "s3://bucket/shards/plan.json"
    assert not folders[0].exists()
