"""Sets with lists of text against torchvision's readers, split by split; SUN397's lists by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torchvision.datasets as theirs
from public_sets_kit import WRITERS, lines, write_aircraft, write_pets, write_places, write_sun

from maskgen.errors import SourceFault
from maskgen.trainers.datasets.public.place import Place

SPLITS: list[tuple[str, str, int, Callable[[Path], Any]]] = [
    ("pets", "trainval", 1, lambda root: theirs.OxfordIIITPet(root, "trainval")),
    ("pets", "test", 1, lambda root: theirs.OxfordIIITPet(root, "test")),
    ("dtd", "train", 1, lambda root: theirs.DTD(root, "train")),
    ("dtd", "val", 2, lambda root: theirs.DTD(root, "val", partition=2)),
    ("dtd", "test", 2, lambda root: theirs.DTD(root, "test", partition=2)),
    ("aircraft", "train", 1, lambda root: theirs.FGVCAircraft(root, "train")),
    ("aircraft", "trainval", 1, lambda root: theirs.FGVCAircraft(root, "trainval")),
    ("aircraft", "test", 1, lambda root: theirs.FGVCAircraft(root, "test")),
    ("food101", "train", 1, lambda root: theirs.Food101(root, "train")),
    ("food101", "test", 1, lambda root: theirs.Food101(root, "test")),
]


@pytest.mark.parametrize(("kind", "split", "partition", "other"), SPLITS)
def test_a_split_is_torchvisions(
    kind: str, split: str, partition: int, other: Callable[[Path], Any], tmp_path: Path
) -> None:
    root = WRITERS[kind](tmp_path)
    data = other(root)
    found = Place(kind, root, split, partition).open()
    assert found.labels.tolist() == data._labels
    for number in range(len(data)):
        assert np.array_equal(found.read(number), np.asarray(data[number][0]))
    tidy = [name.replace("_", " ").title() for name in found.names.values()]
    assert tidy == [name.replace("_", " ").title() for name in data.classes]


def test_places365_is_torchvisions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(theirs.Places365, "_check_integrity", lambda *_: True)
    root = write_places(tmp_path)
    for split, name in (("train", "train-standard"), ("val", "val")):
        data = theirs.Places365(root, name, small=True)
        found = Place("places365", root, split).open()
        assert found.labels.tolist() == data.targets
        assert [
            number for number in range(len(data)) if not _alike(found.read(number), data[number][0])
        ] == []
        assert [f"/{name}" for name in found.names.values()] == data.classes


def _alike(ours: Any, image: Any) -> bool:
    return np.array_equal(ours, np.asarray(image))


def test_sun397s_lists_split_what_torchvision_reads_whole(tmp_path: Path) -> None:
    root = write_sun(tmp_path)
    whole = theirs.SUN397(root)
    known = dict(
        zip(
            (str(path.relative_to(root / "SUN397")) for path in whole._image_files),
            whole._labels,
            strict=True,
        )
    )
    found = Place("sun397", root, "test", 2).open()
    rows = [row.strip("/") for row in (root / "SUN397" / "Testing_02.txt").read_text().split()]
    assert found.labels.tolist() == [known[row] for row in rows]
    assert list(found.names.values()) == ["a/abbey", "a/apse/indoor", "b/bakery/shop"]
    listed = root / "SUN397" / "Partitions"
    listed.mkdir()
    for name in ("Training_01.txt", "ClassName.txt"):
        (root / "SUN397" / name).rename(listed / name)
    assert len(Place("sun397", root, "train").open().labels) == 9


@pytest.mark.parametrize(
    ("kind", "split", "photo"),
    [
        ("pets", "trainval", "Abyssinian_1.jpg"),
        ("dtd", "train", "banded_0003.jpg"),
        ("aircraft", "trainval", "0000000.jpg"),
        ("food101", "train", "apple_pie/0.jpg"),
    ],
)
def test_a_missing_picture_is_counted_and_named(kind: str, split: str, photo: str, tmp_path: Path) -> None:
    root = WRITERS[kind](tmp_path)
    next(root.rglob(photo)).unlink()
    with pytest.raises(SourceFault, match=rf"1 of \d+ pictures of .* are missing: .*{photo}"):
        Place(kind, root, split).open()


def test_foreign_lines_are_shown(tmp_path: Path) -> None:
    pets = write_pets(tmp_path / "pets")
    lines(pets / "oxford-iiit-pet/annotations/test.txt", ["Abyssinian_1 one 1 1"])
    with pytest.raises(
        SourceFault, match=r"none of Oxford-IIIT Pet: 'Abyssinian_1 one 1 1'(.|\n)*annotations"
    ):
        Place("pets", pets, "test").open()
    planes = write_aircraft(tmp_path / "planes")
    lines(planes / "fgvc-aircraft-2013b/data/images_variant_val.txt", ["0000001 Zeppelin"])
    with pytest.raises(SourceFault, match=r"a variant that variants\.txt lacks, 'Zeppelin'"):
        Place("aircraft", planes, "val").open()
    sun = write_sun(tmp_path / "sun")
    lines(sun / "SUN397/Training_01.txt", ["/z/zoo/sun_a.jpg"])
    with pytest.raises(SourceFault, match=r"a class that ClassName.txt lacks, 'z/zoo'"):
        Place("sun397", sun, "train").open()
    places = write_places(tmp_path / "places")
    lines(places / "places365_val.txt", ["Places365_val_00000001.jpg"])
    with pytest.raises(SourceFault, match="a line without a path and a number"):
        Place("places365", places, "val").open()
    lines(places / "places365_val.txt", ["Places365_val_00000001.jpg 7"])
    with pytest.raises(SourceFault, match="names class 7, which there is not"):
        Place("places365", places, "val").open()
