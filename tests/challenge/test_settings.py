from __future__ import annotations

import pytest

from maskgen.challenge.settings import Settings


@pytest.mark.parametrize(
    ("write", "folders", "shards"),
    [("both", True, True), ("folders", True, False), ("shards", False, True)],
)
def test_what_is_written(write: str, folders: bool, shards: bool) -> None:
    settings = Settings(write=write)
    assert (settings.folders, settings.shards) == (folders, shards)
