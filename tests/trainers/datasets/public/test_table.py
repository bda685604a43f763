"""The table of sets against the papers and against what the readers read."""

from __future__ import annotations

from pathlib import Path

import pytest
from public_sets_kit import WRITERS

from maskgen.trainers.datasets.public.table import KINDS


def test_every_kind_is_written_by_the_kit() -> None:
    assert KINDS.keys() == WRITERS.keys()


def test_metrics_are_those_of_relicv2_d3() -> None:
    per_class = {kind for kind, known in KINDS.items() if known.metric == "per_class"}
    assert per_class == {"aircraft", "pets", "caltech101", "flowers102"}


@pytest.mark.parametrize("kind", KINDS)
def test_every_split_is_read_and_the_default_ones_share_nothing(kind: str, tmp_path: Path) -> None:
    root, known = WRITERS[kind](tmp_path), KINDS[kind]
    assert {known.train, known.validation, known.test} - {""} <= set(known.splits)
    seen: dict[str, set[bytes]] = {}
    for split in known.splits:
        found = known.open(root, split, 1)
        seen[split] = {found.read(number).tobytes() for number in range(len(found.labels))}
        assert len(seen[split]) == len(found.labels) > 0
        labels = set(found.labels.tolist()) - {-1}
        assert labels <= found.names.keys()
    own = [split for split in (known.train, known.validation, known.test) if split]
    assert sum(len(seen[split]) for split in own) == len(set().union(*(seen[split] for split in own)))
