from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from maskgen.config.run_config import make_config
from maskgen.errors import SourceFault, UsageError
from maskgen.io.atomic import PartialFile
from maskgen.methods.networks.known import KNOWN_NETWORKS
from maskgen.methods.networks.student.method import FAST_WEIGHTS
from maskgen.pipelines import planning
from maskgen.pipelines.draft import Draft
from maskgen.pipelines.planning import write_rows
from maskgen.pipelines.resolve import resolve
from maskgen.shards.plan import Plan, PlannedImage, read_plan, shard_rows
from maskgen.types import ByteRef, Label, SourceItem

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


def planned(source: Listed, tmp_path: Path, **options: object) -> tuple[Plan, list[list[PlannedImage]]]:
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
    assert len(source.passes) == 2
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


def test_limit_takes_the_first(tmp_path: Path) -> None:
    _, shards = planned(Listed([(f"n{i}", None, f"n{i}") for i in range(9)]), tmp_path, limit=4)
    assert [image.sample.key for shard in shards for image in shard] == ["n0", "n1", "n2", "n3"]


def test_an_empty_source_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceFault, match="no image"):
        planned(Listed([]), tmp_path)


def test_labels_of_several_kinds_survive_the_table(tmp_path: Path) -> None:
    _, shards = planned(Listed([("a", 5, "a"), ("b", (1, 7), "b"), ("c", (), "c")]), tmp_path)
    assert [image.sample.label for image in shards[0]] == [5, (1, 7), ()]


def test_nothing_is_made_while_the_source_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused by then has no folder to take away under another run."""
    seen: list[list[Path]] = []

    class Watched(Listed):
        def items(self) -> Iterator[SourceItem]:
            seen.append(list(tmp_path.iterdir()))
            return super().items()

    rows = [("k", None, "k.jpg")]
    monkeypatch.setattr(planning, "open_source", lambda _: Watched(rows))
    output = tmp_path / "new" / "shards"
    plan = planning.prepare(resolve(make_config({**VALUES, "output": str(output)})))
    assert seen == [[]]
    assert (plan.images, read_plan(output)) == (1, plan)


def test_another_plan_is_told_by_what_made_it_another(tmp_path: Path) -> None:
    (tmp_path / "photos" / "cats").mkdir(parents=True)
    for name in ("a.jpg", "cats/b.jpg"):
        (tmp_path / "photos" / name).write_bytes(b"1234")

    def refused(**options: object) -> list[str]:
        with pytest.raises(UsageError) as caught:
            planning.prepare(resolve(make_config({**given, **options})))
        return [line.strip() for line in caught.value.what.split("\n")[1:]]

    given = {**VALUES, "input": str(tmp_path / "photos"), "output": str(tmp_path / "out")}
    planning.prepare(resolve(make_config(given)))
    assert refused(labels="folder") == ["options.labels: 'auto' -> 'folder'"]
    assert refused(limit=1) == ["options.limit: 0 -> 1", "images: 2 -> 1"]
    assert refused(method="fast", seed=7, sample=1) == [
        "options.method: 'box' -> 'fast'",
        "options.sample: 0 -> 1",
        "options.seed: 0 -> 7",
        "images: 2 -> 1",
    ]
    (tmp_path / "photos" / "a.jpg").unlink()
    (line,) = refused()
    assert line.startswith("source: 2 images -> 1 image, first difference in shard folder-train-000000")


def test_a_folder_of_a_former_default_method_is_resumed_once_that_method_is_named(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"1234")
    given = {"dataset": "folder", "input": str(tmp_path / "photos"), "output": str(tmp_path / "out")}
    made = planning.prepare(resolve(make_config({**given, "method": "vote"})))
    with pytest.raises(UsageError) as caught:
        planning.prepare(resolve(make_config(given)))
    assert caught.value.what.split("\n")[1:] == ["    options.method: 'vote' -> 'fast'"]
    assert caught.value.remedy == "add --method vote to resume, or choose another --output"
    assert planning.prepare(resolve(make_config({**given, "method": "vote"}))) == made
    with pytest.raises(UsageError, match="repeat the old settings"):
        planning.prepare(resolve(make_config({**given, "method": "vote", "refine": "none"})))


def test_a_corrected_license_does_not_stop_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"1234")
    given = {"dataset": "folder", "input": str(tmp_path / "photos"), "output": str(tmp_path / "out")}
    weights = hashlib.sha256(FAST_WEIGHTS.read_bytes()).hexdigest()
    row = dataclasses.replace(KNOWN_NETWORKS["isnet"], sha256=weights, license="MTI")
    monkeypatch.setitem(KNOWN_NETWORKS, "isnet", row)
    made = planning.prepare(resolve(make_config(given)))
    assert made.identity["weights"]["license"] == "MTI"
    monkeypatch.setitem(KNOWN_NETWORKS, "isnet", dataclasses.replace(row, license="MIT"))
    assert planning.prepare(resolve(make_config(given))) == made
    monkeypatch.setitem(KNOWN_NETWORKS, "isnet", dataclasses.replace(row, sha256="0" * 64))
    assert planning.prepare(resolve(make_config(given))) == made
    other = tmp_path / "other.safetensors"
    other.write_bytes(FAST_WEIGHTS.read_bytes() + b" ")
    with pytest.raises(UsageError, match="weights_sha256: "):
        planning.prepare(resolve(make_config({**given, "weights": str(other)})))
