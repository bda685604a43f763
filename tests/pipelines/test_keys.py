"""Which images of a source a run takes, and their keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from maskgen.config.run_config import make_config
from maskgen.errors import SourceFault, UsageError
from maskgen.io.atomic import PartialFile
from maskgen.pipelines.dealing import write_rows
from maskgen.pipelines.draft import Draft
from maskgen.pipelines.keys import Keys, choose
from maskgen.pipelines.resolve import resolve
from maskgen.shards.plan import Plan, shard_rows
from maskgen.shards.subset import Subset, draw_rank
from maskgen.types import ByteRef, Label, SourceItem


@dataclass
class Listed:
    """A source from a list of (name, label); it loses its last image after `whole` passes."""

    rows: list[tuple[str, Label]]
    names_are_keys: bool = False
    whole: int = 100

    def items(self) -> Iterator[SourceItem]:
        self.whole -= 1
        for name, label in self.rows if self.whole >= 0 else self.rows[:-1]:
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


def test_a_source_that_changes_while_it_is_listed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceFault, match="40 images, and then 39"):
        planned(Listed(SOURCE, whole=1), tmp_path, sample=5)


def test_a_sample_by_class_needs_classes() -> None:
    with pytest.raises(UsageError, match="--labels folder"):
        choose(Listed([("a", None)]), Subset(sample=1, by="classes"), Keys(fixed=False))
