"""ImageNet's layouts, each made small, all giving the same names and classes."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from archive_kit import tar_of

from maskgen.errors import SourceFault

Write = Callable[[dict[str, bytes]], Path]
Jpeg = Callable[[int], bytes]

WNIDS = ["n01440764", "n02105855", "n15075141"]


@pytest.fixture
def train(jpeg: Jpeg) -> dict[str, dict[str, bytes]]:
    return {wnid: {f"{wnid}_{n}": jpeg(100 * i + n) for n in (10, 9, 100)} for i, wnid in enumerate(WNIDS)}


def expected(train: dict[str, dict[str, bytes]]) -> tuple[dict[str, bytes], dict[str, int]]:
    order = [name for wnid in WNIDS for name in sorted(train[wnid], key=lambda n: f"{n}.JPEG".encode())]
    data = {name: train[name[:9]][name] for name in order}
    return data, {name: WNIDS.index(name[:9]) for name in order}


def check(found: Any, train: dict[str, dict[str, bytes]]) -> None:
    data, labels = expected(train)
    assert list(found.bytes().items()) == list(data.items())
    assert found.bytes(order=1) == data
    assert found.labels == labels


@pytest.mark.parametrize("folder", ["train", "ILSVRC/Data/CLS-LOC/train", "Data/CLS-LOC/train", "n"])
def test_class_folders(opened: Any, write: Write, train: dict[str, dict[str, bytes]], folder: str) -> None:
    files = {
        f"{folder}/{wnid}/{name}.JPEG": data
        for wnid, photos in train.items()
        for name, data in photos.items()
    }
    root = write(files | {f"{folder}/{WNIDS[0]}/list.txt": b""})
    check(opened("imagenet", root / "n" if folder == "n" else root), train)
    check(opened("imagenet", root / folder), train)


def test_tiny_imagenet_folders(opened: Any, write: Write, train: dict[str, dict[str, bytes]]) -> None:
    files = {f"train/{w}/images/{n}.JPEG": data for w, photos in train.items() for n, data in photos.items()}
    root = write(files | {f"train/{w}/{w}_boxes.txt": b"" for w in WNIDS})
    check(opened("imagenet", root), train)


def test_original_training_tar(opened: Any, write: Write, train: dict[str, dict[str, bytes]]) -> None:
    inner = {f"{w}.tar": tar_of({f"{n}.JPEG": data for n, data in train[w].items()}) for w in reversed(WNIDS)}
    root = write({"ILSVRC2012_img_train.tar": tar_of(inner)})
    check(opened("imagenet", root), train)
    found = opened("imagenet", root / "ILSVRC2012_img_train.tar")
    check(found, train)
    assert found.items[0].path == "ILSVRC2012_img_train.tar/n01440764.tar/n01440764_10.JPEG"


def test_flat_files_named_by_class(opened: Any, write: Write, train: dict[str, dict[str, bytes]]) -> None:
    check(
        opened("imagenet", write({f"{n}.JPEG": d for photos in train.values() for n, d in photos.items()})),
        train,
    )


def test_linked_class_folders(
    opened: Any, write: Write, train: dict[str, dict[str, bytes]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = write({f"full/{w}/{n}.JPEG": data for w, photos in train.items() for n, data in photos.items()})
    subset = tmp_path_factory.mktemp("subset") / "train"
    subset.mkdir()
    for wnid in WNIDS:
        (subset / wnid).symlink_to(root / "full" / wnid)
    check(opened("imagenet", subset.parent), train)


VAL = {
    "ILSVRC2012_val_00000001": WNIDS[2],
    "ILSVRC2012_val_00000002": WNIDS[0],
    "ILSVRC2012_val_00000003": WNIDS[2],
}
LABELS = {
    "val_labels.txt": "".join(f"{name} {wnid}\n" for name, wnid in reversed(VAL.items())),
    "val/val_labels.txt": "".join(f"{name}.JPEG\t{wnid}\n" for name, wnid in VAL.items()),
    "val/val_annotations.txt": "".join(f"{name}.JPEG\t{wnid}\t0\t0\t63\t63\n" for name, wnid in VAL.items()),
    "LOC_val_solution.csv": "ImageId,PredictionString\n"
    + "".join(f"{n},{w} 1 2 3 4 {w} 5 6 7 8\n" for n, w in VAL.items()),
    "imagenet_2012_validation_synset_labels.txt": "".join(f"{wnid}\n" for wnid in VAL.values()),
}


@pytest.mark.slow
@pytest.mark.parametrize("labels", LABELS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("beside", ["", "folders", "tar"])
def test_flat_validation(
    opened: Any,
    write: Write,
    train: dict[str, dict[str, bytes]],
    jpeg: Jpeg,
    labels: str,
    packed: bool,
    beside: str,
) -> None:
    photos = {f"{name}.JPEG": jpeg(n) for n, name in enumerate(VAL)}
    files = {labels.rsplit("/", 1)[-1] if packed else labels: LABELS[labels].encode()}
    files |= (
        {"ILSVRC2012_img_val.tar": tar_of(photos)} if packed else {f"val/{n}": d for n, d in photos.items()}
    )
    if beside == "folders":
        files |= {f"train/{w}/{w}_1.JPEG": b"1" for w in WNIDS}
    if beside == "tar":
        files |= {"ILSVRC2012_img_train.tar": tar_of({f"{w}.tar": tar_of({}) for w in WNIDS})}
    found = opened("imagenet", write(files), split="val")
    numbers = WNIDS if beside else [WNIDS[0], WNIDS[2]]
    assert found.labels == {name: numbers.index(wnid) for name, wnid in VAL.items()}
    assert found.bytes() == {name.removesuffix(".JPEG"): data for name, data in photos.items()}


def test_validation_in_class_folders_is_numbered_as_train(opened: Any, write: Write) -> None:
    root = write(
        {f"train/{w}/{w}_1.JPEG": b"1" for w in WNIDS}
        | {f"val/{WNIDS[2]}/ILSVRC2012_val_00000007.JPEG": b"7"}
    )
    assert opened("imagenet", root, split="val").labels == {"ILSVRC2012_val_00000007": 2}


def refused(opened: Any, root: Path, **options: Any) -> str:
    with pytest.raises(SourceFault) as caught:
        opened("imagenet", root, **options)
    return str(caught.value)


def test_validation_with_a_class_that_train_has_not(opened: Any, write: Write) -> None:
    root = write({f"train/{WNIDS[0]}/a.JPEG": b"1", f"val/{WNIDS[1]}/b.JPEG": b"2"})
    assert WNIDS[1] in refused(opened, root, split="val")


BAD_LABELS = {
    "integers": ("490\n361\n171\n", "integer labels"),
    "named integers": ("ILSVRC2012_val_00000001.JPEG 490\n", "integer labels"),
    "one missing": (f"ILSVRC2012_val_00000001 {WNIDS[0]}\n", "2 photos have no class"),
    "too few in order": (f"{WNIDS[0]}\n{WNIDS[1]}\n", "2 labels in the photos' order for 3 photos"),
    "no wnid": ("ILSVRC2012_val_00000001 cat\n", "without a wnid"),
    "twice": (f"a {WNIDS[0]}\na {WNIDS[1]}\n", "two classes for the photo 'a'"),
    "html": ("<html><body>\n", "without a wnid"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_labels_that_would_be_wrong(opened: Any, write: Write, case: str) -> None:
    text, words = BAD_LABELS[case]
    root = write({f"val/{name}.JPEG": b"1" for name in VAL} | {"val_labels.txt": text.encode()})
    assert words in refused(opened, root, split="val")


def test_devkit_integers_and_no_labels(opened: Any, write: Write) -> None:
    root = write({f"val/{name}.JPEG": b"1" for name in VAL})
    assert "val_labels.txt" in refused(opened, root, split="val")
    write({"ILSVRC2012_validation_ground_truth.txt": b"490\n361\n171\n"})
    assert "integer labels" in refused(opened, root, split="val")


def test_labels_of_photos_that_are_not_here(opened: Any, write: Write) -> None:
    root = write(
        {"val/ILSVRC2012_val_00000001.JPEG": b"1", "val_labels.txt": LABELS["val_labels.txt"].encode()}
    )
    notes = opened("imagenet", root, split="val").source.notes
    assert any(
        note.startswith("2 labels of val_labels.txt are of photos that are not here") for note in notes
    )


def test_the_other_split_only(opened: Any, write: Write) -> None:
    root = write({f"train/{WNIDS[0]}/a.JPEG": b"1"})
    assert "--split train" in refused(opened, root, split="val")


def test_damaged_tars(opened: Any, write: Write, train: dict[str, dict[str, bytes]]) -> None:
    inner = {f"{w}.tar": tar_of({f"{n}.JPEG": data for n, data in train[w].items()}) for w in WNIDS}
    good = tar_of(inner)
    for length in (100, 3000, len(good) - 11_000):
        assert "truncated" in refused(opened, write({"ILSVRC2012_img_train.tar": good[:length]}))
    cut = inner | {f"{WNIDS[1]}.tar": inner[f"{WNIDS[1]}.tar"][:2048]}
    assert f"{WNIDS[1]}.tar" in refused(opened, write({"ILSVRC2012_img_train.tar": tar_of(cut)}))
    assert "gunzip" in refused(opened, write({"ILSVRC2012_img_train.tar": gzip.compress(good)}))


def test_duplicate_and_odd_members(opened: Any, write: Write) -> None:
    one = {f"{WNIDS[0]}_1.JPEG": b"1", "readme.txt": b"", "._x.JPEG": b""}
    found = opened("imagenet", write({"ILSVRC2012_img_train.tar": tar_of({f"{WNIDS[0]}.tar": tar_of(one)})}))
    assert found.names == [f"{WNIDS[0]}_1"]
    assert any("2 tar members that are no image files" in note for note in found.source.notes)
    twice = tar_of({"a.JPEG": b"1"})[:1024] + tar_of({"a.JPEG": b"2"})
    root = write({"ILSVRC2012_img_train.tar": tar_of({f"{WNIDS[0]}.tar": twice})})
    assert "two members 'a.JPEG'" in refused(opened, root)
    both = tar_of({f"{WNIDS[0]}.tar": tar_of({})})[: 512 + 10_240] + tar_of({f"{WNIDS[0]}.tar": tar_of({})})
    assert "two members" in refused(opened, write({"ILSVRC2012_img_train.tar": both}))


def test_a_class_that_cannot_be_read_is_not_passed_over(opened: Any, write: Write) -> None:
    link = tarfile.TarInfo(f"{WNIDS[1]}.tar")
    link.type, link.linkname = tarfile.SYMTYPE, "elsewhere.tar"
    both = link.tobuf() + tar_of({f"{WNIDS[0]}.tar": tar_of({"a.JPEG": b"1"})})
    message = refused(opened, write({"ILSVRC2012_img_train.tar": both}))
    assert "a class that is no plain file" in message
    assert f"{WNIDS[1]}.tar" in message


def test_order_does_not_depend_on_the_file_system(
    opened: Any, write: Write, train: dict[str, dict[str, bytes]], shuffled_scandir: Callable[[int], None]
) -> None:
    root = write({f"train/{w}/{n}.JPEG": data for w, photos in train.items() for n, data in photos.items()})
    for seed in range(4):
        shuffled_scandir(seed)
        check(opened("imagenet", root), train)


def test_real_sample(opened: Any, shared_data: Path) -> None:
    place = shared_data / "imagenet_sample_1000"
    found = opened("imagenet", place)
    assert len(found.items) == 250
    wnids = sorted({path.name[:9] for path in place.glob("*.JPEG")})
    assert found.labels == {p.stem: wnids.index(p.name[:9]) for p in place.glob("*.JPEG")}
    assert found.bytes() == {p.stem: p.read_bytes() for p in place.glob("*.JPEG")}


@pytest.mark.slow
@pytest.mark.parametrize(("split", "count"), [("train", 2000), ("val", 500)])
def test_real_tiny_imagenet(opened: Any, shared_data: Path, split: str, count: int) -> None:
    place = shared_data / "tiny_imagenet_50"
    found = opened("imagenet", place, split=split)
    wnids = sorted(p.name for p in (place / "train").iterdir())
    if split == "train":
        truth = {p.stem: p.parent.parent.name for p in place.glob("train/*/images/*.JPEG")}
    else:
        rows = (place / "val" / "val_annotations.txt").read_text().splitlines()
        truth = {row.split("\t")[0].removesuffix(".JPEG"): row.split("\t")[1] for row in rows}
    assert len(found.items) == count
    assert found.labels == {name: wnids.index(truth[name]) for name in found.names}
    assert found.bytes() == {p.stem: p.read_bytes() for p in (place / split).rglob("*.JPEG")}
