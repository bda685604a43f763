"""Nouns behind numbers."""

from __future__ import annotations

import pytest

from maskgen.config.counted import counted


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ((1, "shard"), "1 shard"),
        ((0, "shard"), "0 shards"),
        ((21, "shard"), "21 shards"),
        ((1, "photo has", "photos have"), "1 photo has"),
        ((2, "photo has", "photos have"), "2 photos have"),
    ],
)
def test_one_thing_is_named_in_the_singular(words: tuple[int, str], text: str) -> None:
    assert counted(*words) == text
