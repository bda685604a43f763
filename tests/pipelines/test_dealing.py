from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pytest

from maskgen.config.run_config import make_config
from maskgen.errors import SourceFault
from maskgen.io.atomic import PartialFile
from maskgen.pipelines import dealing, listed
from maskgen.pipelines.dealing import write_rows
from maskgen.pipelines.draft import Draft
from maskgen.pipelines.resolve import resolve
from maskgen.pipelines.sources.listing import Listing
from maskgen.pipelines.sources.parts import Lister, Notes, Recall
from maskgen.shards import naming
from maskgen.shards.plan import Plan, PlannedImage, rows_digest, shard_rows, to_row
from maskgen.types import ByteRef, Label, Source, SourceItem

VALUES = {"dataset": "folder", "method": "box"}


@dataclass
class Listed:
    """A source from a list of (name, label, path)."""

    rows: list[tuple[str, Label, str]]
    names_are_keys: bool = False
    passes: list[int] = field(default_factory=list)

    def items(self) -> Iterator[SourceItem]:
        self.passes.append(1)
        for name, label, path in self.rows:
            yield SourceItem(name, ByteRef(path, 0, 10), label, path)


def planned(source: Source, tmp_path: Path, **options: object) -> tuple[Plan, list[list[PlannedImage]]]:
    config = resolve(make_config({**VALUES, "output": str(tmp_path), "shard_size": 3, **options}))
    with Draft(tmp_path) as table, PartialFile(tmp_path / "plan.table") as file:
        plan = write_rows(source, config, table)
        table.copy_to(file)
        file.publish()
    return plan, [shard_rows(tmp_path, number) for number in range(len(plan.shards))]


def test_images_are_dealt_in_order_with_contiguous_names(tmp_path: Path) -> None:
    source = Listed([(f"n{i}", i, f"d/n{i}.jpg") for i in range(8)])
    plan, rows = planned(source, tmp_path)
    assert [shard[:2] for shard in plan.shards] == [
        ("folder-train-000000", 3),
        ("folder-train-000001", 3),
        ("folder-train-000002", 2),
    ]
    assert [image.sample.key for shard in rows for image in shard] == [f"n{i}" for i in range(8)]
    assert rows[2][1] == PlannedImage(rows[2][1].sample, ByteRef("d/n7.jpg", 0, 10))
    assert (rows[2][1].sample.label, rows[2][1].sample.path) == (7, "d/n7.jpg")
    assert (plan.images, plan.source_bytes, len(source.passes)) == (8, 80, 1)
    assert "cls" in plan.members


def test_colliding_names_are_repaired_and_stay_unique(tmp_path: Path) -> None:
    rows = [
        ("a b", None, "a b.jpg"),
        ("a_b", None, "a_b.jpg"),
        ("c", None, "c.jpg"),
        ("a.b", None, "a.b.jpg"),
    ]
    source = Listed(rows)
    plan, shards = planned(source, tmp_path)
    keys = [image.sample.key for shard in shards for image in shard]
    assert keys[0] == "a_b"
    assert keys[2] == "c"
    assert len(set(keys)) == 4
    assert all(key.startswith("a_b_") for key in (keys[1], keys[3]))
    assert [image.sample.path for shard in shards for image in shard] == [row[2] for row in rows]
    assert len(source.passes) == 1
    assert "cls" not in plan.members


def test_existing_keys_are_never_renamed(tmp_path: Path) -> None:
    source = Listed([("k", None, "one.tar/k.jpg"), ("k", None, "two.tar/k.jpg")], names_are_keys=True)
    with pytest.raises(SourceFault, match=r"one\.tar/k\.jpg and two\.tar/k\.jpg"):
        planned(source, tmp_path)


def test_the_same_path_twice_is_an_error_with_both(tmp_path: Path) -> None:
    with pytest.raises(SourceFault, match=r"x\.jpg and x\.jpg"):
        planned(Listed([("k", None, "x.jpg")] * 3), tmp_path)


def test_the_identity_follows_names_labels_places_and_sizes(tmp_path: Path) -> None:
    base = [("a", 1, "a.jpg"), ("b", 2, "b.jpg")]
    prints = set()
    for rows in (
        base,
        base[::-1],
        [("a", 1, "a.jpg"), ("b", 3, "b.jpg")],
        [("a", 1, "a.jpg"), ("b", 2, "c.jpg")],
        base[:1],
    ):
        prints.add(planned(Listed(rows), tmp_path)[0].fingerprint)
    assert len(prints) == 5
    assert planned(Listed(base), tmp_path)[0].fingerprint in prints


@pytest.mark.parametrize(
    ("images", "sizes"),
    [(12, [12]), (100, [32, 32, 32, 4]), (3200, [50] * 64), (64_100, [1000] * 64 + [100])],
)
def test_small_sources_have_small_shards_so_that_all_cores_find_work(
    images: int, sizes: list[int], tmp_path: Path
) -> None:
    rows: list[tuple[str, Label, str]] = [(f"n{i}", None, f"n{i}") for i in range(images)]
    plan, _ = planned(Listed(rows), tmp_path, shard_size=0)
    assert [shard.images for shard in plan.shards] == sizes


def test_limit_takes_the_first(tmp_path: Path) -> None:
    _, shards = planned(Listed([(f"n{i}", None, f"n{i}") for i in range(9)]), tmp_path, limit=4)
    assert [image.sample.key for shard in shards for image in shard] == ["n0", "n1", "n2", "n3"]


def test_an_empty_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceFault, match="no image"):
        planned(Listed([]), tmp_path)


def test_labels_of_several_kinds_survive_the_table(tmp_path: Path) -> None:
    _, shards = planned(Listed([("a", 5, "a"), ("b", (1, 7), "b"), ("c", (), "c")]), tmp_path)
    assert [image.sample.label for image in shards[0]] == [5, (1, 7), ()]


def oracle(rows: list[tuple[str, Label, str]]) -> list[str]:
    """Keys one after the other: the first image keeps its own, others get a hash of their path."""
    plain = [naming.safe_key(name) for name, _, _ in rows]
    seen: set[str] = set()
    keys = []
    for key, (_, _, path) in zip(plain, rows, strict=True):
        keys.append(naming.repaired_key(key, path) if key in seen else key)
        seen.add(key)
    return keys


@pytest.mark.parametrize("piece", [1, 7, 1 << 16])
def test_keys_and_rows_are_those_of_a_simple_loop(
    piece: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever pieces the listing is kept in: 200 images of 60 names, dealt over two parts of the table."""
    monkeypatch.setattr(listed, "PIECE_ROWS", piece)
    draw = random.Random(piece)
    rows: list[tuple[str, Label, str]] = [
        (f"n {draw.randrange(60)}", number % 5, f"d{number}/n.jpg") for number in range(200)
    ]
    plan, shards = planned(Listed(rows), tmp_path, shard_size=2)
    images = [image for shard in shards for image in shard]
    assert [image.sample.key for image in images] == oracle(rows)
    assert [(image.sample.label, image.sample.path) for image in images] == [row[1:] for row in rows]
    assert [shard.images for shard in plan.shards] == [2] * 100
    assert [shard.digest for shard in plan.shards] == [
        rows_digest([to_row(image) for image in shard]) for shard in shards
    ]


class Files:
    """A source of several parts, for worker processes."""

    @staticmethod
    def items(file: int, notes: Notes) -> Iterator[SourceItem]:
        for number in range(40 + file):
            name = f"n{number % 35}"
            yield SourceItem(name, ByteRef(f"{file}.tar", 512 * number, 9), file, f"{file}.tar/{number}.png")
        notes.add("odd one", "odd ones", f"{file}.tar")

    @classmethod
    def parts(cls, notes: Notes, _recall: Recall) -> Iterator[Lister]:
        notes.add("first fact", "first facts", "all")
        return (partial(cls.items, file) for file in range(8))


@pytest.mark.slow
def test_processes_make_the_same_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def made(workers: int) -> tuple[Plan, bytes]:
        folder = tmp_path / str(workers)
        folder.mkdir()
        source = Listing(parts=Files.parts)
        plan, _ = planned(source, folder, workers=workers, input="photos")
        return plan, (folder / "plan.table").read_bytes()

    alone = made(1)
    monkeypatch.setattr(listed, "_ALONE_S", 0.0)
    monkeypatch.setattr(dealing, "_ALONE", 0)
    assert made(3) == alone
    assert alone[0].notes[1:] == ("1 first fact (first: all)", "8 odd ones (first: 0.tar)")
    assert (alone[0].images, len(alone[0].shards)) == (348, 116)
