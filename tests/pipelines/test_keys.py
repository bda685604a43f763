"""Which images of a source a run takes, and their keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from maskgen.config.run_config import make_config
from maskgen.errors import SourceFault, UsageError
from maskgen.io.atomic import PartialFile
from maskgen.pipelines import keys as keys_module
from maskgen.pipelines.dealing import write_rows
from maskgen.pipelines.draft import Draft
from maskgen.pipelines.keys import choose, find_repeated, lie_in
from maskgen.pipelines.resolve import resolve
from maskgen.shards import naming
from maskgen.shards.plan import Plan, shard_rows
from maskgen.shards.subset import Subset, draw_rank
from maskgen.types import ByteRef, Label, SourceItem


@dataclass
class Listed:
    """A source from a list of (name, label)."""

    rows: list[tuple[str, Label]]
    names_are_keys: bool = False

    def items(self) -> Iterator[SourceItem]:
        for name, label in self.rows:
            yield SourceItem(name, ByteRef(f"{name}.jpg", 0, 10), label, f"{name}.jpg")


VALUES = {"dataset": "folder", "method": "box"}
SOURCE = [(f"c{number // 10}_{number:02d}", number // 10) for number in range(40)]


def planned(source: Listed, tmp_path: Path, **options: object) -> tuple[Plan, list[str]]:
    config = resolve(make_config({**VALUES, "output": str(tmp_path), "shard_size": 5, **options}))
    with Draft(tmp_path) as table, PartialFile(tmp_path / "plan.table") as file:
        plan = write_rows(source, config, table)
        table.copy_to(file)
        file.publish()
    rows = [row for number in range(len(plan.shards)) for row in shard_rows(tmp_path, number)]
    return plan, [row.sample.key for row in rows]


def test_a_sample_is_drawn_from_all_over_the_source_in_its_order(tmp_path: Path) -> None:
    plan, keys = planned(Listed(SOURCE), tmp_path, sample=12, seed=5)
    names = [name for name, _ in SOURCE]
    assert set(keys) == set(sorted(names, key=lambda name: draw_rank(name, 5))[:12])
    assert keys == sorted(keys)
    assert (plan.images, [shard.images for shard in plan.shards]) == (12, [5, 5, 2])
    assert plan.notes == ("a sample of 12 of 40 images, seed 5",)
    plan, keys = planned(Listed(SOURCE), tmp_path, sample=12, sample_by="classes")
    assert [sum(key.startswith(f"c{one}") for key in keys) for one in range(4)] == [3, 3, 3, 3]
    assert "3 to 3 of each of 4 classes" in plan.notes[0]


def test_an_image_keeps_the_key_that_it_has_in_the_whole_source(tmp_path: Path) -> None:
    source = Listed([("a b", None), ("a_b", None), ("c", None), ("a.b", None)])
    _, whole = planned(source, tmp_path)
    for seed in range(6):
        _, keys = planned(source, tmp_path, sample=2, seed=seed)
        assert [key for key in whole if key in keys] == keys
        assert len(keys) == 2


def test_keys_of_a_file(tmp_path: Path) -> None:
    names = tmp_path / "names"
    names.write_text("c2_25\nc0_03.JPEG\n")
    plan, keys = planned(Listed(SOURCE), tmp_path, keys=str(names))
    assert keys == ["c0_03", "c2_25"]
    assert plan.notes[0].startswith("2 of 40 images, those of ")
    twins = Listed([("a b", None), ("a_b", None), ("c", None)])  # of one key each: the second gets a hash
    names.write_text("photos/a_b.jpg\n")
    _, (key,) = planned(twins, tmp_path, keys=str(names), input="photos")
    assert key.startswith("a_b_")


def test_a_limit_says_what_it_leaves_out(tmp_path: Path) -> None:
    plan, keys = planned(Listed(SOURCE), tmp_path, limit=15)
    assert keys[-1] == "c1_14"
    told = "--limit took the first 15 images in the source's order only, of 2 classes"
    assert plan.notes == (f"{told}; --sample 15 draws from all of it",)
    assert planned(Listed(SOURCE), tmp_path, limit=40)[0].notes == ()
    with pytest.raises(UsageError, match="--limit"):
        make_config({"dataset": "sample", "output": "x", "limit": 3, "sample": 3})


def test_how_a_sample_is_drawn_belongs_to_the_fingerprint_where_one_is_drawn(tmp_path: Path) -> None:
    def fingerprint(**options: object) -> str:
        return planned(Listed(SOURCE), tmp_path, **options)[0].fingerprint

    assert fingerprint() == fingerprint(seed=3) == fingerprint(sample_by="classes")
    assert fingerprint(sample=40) == fingerprint(sample=40, pareto_alpha=2.0)
    assert fingerprint(sample=40, seed=1) != fingerprint(sample=40)


def test_a_sample_by_class_needs_classes() -> None:
    with pytest.raises(UsageError, match="--labels folder"):
        choose(iter([("a", None, "a.jpg")]), Subset(sample=1, by="classes"))


@pytest.mark.parametrize("at_once", [1 << 25, 700, 11])
def test_repeated_hashes_are_found_in_any_number_of_rounds(
    at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "_AT_ONCE", at_once)
    rng = np.random.default_rng(7)
    values = rng.integers(0, 1 << 64, 3000, np.uint64)
    values[rng.integers(0, 3000, 200)] = values[rng.integers(0, 3000, 200)]
    counts = Counter(values.tolist())
    wanted = sorted(value for value, count in counts.items() if count > 1)
    assert find_repeated(lambda: np.array_split(values, 7), len(values)).tolist() == wanted
    assert find_repeated(list, 0).tolist() == []


def test_hashes_that_lie_among_others() -> None:
    values = np.array([5, 1 << 63, 7, 0], np.uint64)
    assert lie_in(values, np.array([7, 1 << 63], np.uint64)).tolist() == [False, True, True, False]
    assert not lie_in(values, np.empty(0, np.uint64)).any()


def test_a_key_that_a_repaired_one_meets_is_an_error(tmp_path: Path) -> None:
    """However unlikely: the hash of the path is part of the repaired key."""
    met = naming.repaired_key("a_b", "a b.jpg")
    with pytest.raises(SourceFault, match="stay equal"):
        planned(Listed([("a_b", None), ("a b", None), (met, None)]), tmp_path)
