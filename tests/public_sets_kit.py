"""Tiny public sets in the files and folders in which the real ones are downloaded."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.io import savemat

Pixels = NDArray[np.uint8]


def picture(seed: int, side: int = 24) -> Pixels:
    """(side, side + 4, 3) of blurred noise, another for each seed."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 7, 3)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (side + 4, side), interpolation=cv2.INTER_LINEAR), np.uint8)


def put(path: Path, seed: int) -> None:
    """Write a JPEG."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(".jpg", picture(seed))[1].tobytes())


def lines(path: Path, rows: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")


def structs(rows: list[dict[str, Any]]) -> NDArray[Any]:
    """An array of MATLAB structs."""
    found = np.empty((1, len(rows)), [(name, object) for name in rows[0]])
    for number, row in enumerate(rows):
        found[0, number] = tuple(row.values())
    return found


def write_cifar(root: Path, *, coarse: bool) -> Path:
    """CIFAR-10 of five batches of 8 and a test of 8, or CIFAR-100 of 20 and 20: binary, and for Python."""
    rng = np.random.default_rng(0)
    binary = root / ("cifar-100-binary" if coarse else "cifar-10-batches-bin")
    python = root / ("cifar-100-python" if coarse else "cifar-10-batches-py")
    for folder in (binary, python):
        folder.mkdir(parents=True)
    names = ["train", "test"] if coarse else [*(f"data_batch_{n}" for n in range(1, 6)), "test_batch"]
    for name in names:
        count = 20 if coarse else 8
        data = rng.integers(0, 256, (count, 3072)).astype(np.uint8)
        labels = [number % 10 for number in range(count)]
        upper = [label // 5 for label in labels]
        fields = [np.array(upper, np.uint8)[:, None]] if coarse else []
        records = np.concatenate([*fields, np.array(labels, np.uint8)[:, None], data], axis=1)
        (binary / f"{name}.bin").write_bytes(records.tobytes())
        key = "fine_labels" if coarse else "labels"
        (python / name).write_bytes(pickle.dumps({"data": data, key: labels, "coarse_labels": upper}))
    words = [f"class{number}" for number in range(10)]
    lines(binary / ("fine_label_names.txt" if coarse else "batches.meta.txt"), words)
    meta = {"fine_label_names" if coarse else "label_names": words}
    (python / ("meta" if coarse else "batches.meta")).write_bytes(pickle.dumps(meta))
    return root


def write_stl(root: Path) -> Path:
    rng = np.random.default_rng(1)
    home = root / "stl10_binary"
    home.mkdir(parents=True)
    lines(home / "class_names.txt", [f"thing{number}" for number in range(10)])
    for part, count in (("train", 10), ("test", 20), ("unlabeled", 5)):
        (home / f"{part}_X.bin").write_bytes(rng.integers(0, 256, (count, 27648)).astype(np.uint8).tobytes())
        if part != "unlabeled":
            labels = np.arange(count, dtype=np.uint8) % 10 + 1
            (home / f"{part}_y.bin").write_bytes(labels.tobytes())
    return root


def write_pets(root: Path) -> Path:
    home = root / "oxford-iiit-pet"
    for split, first in (("trainval", 1), ("test", 5)):
        rows = []
        for label, breed in enumerate(("Abyssinian", "american_bulldog", "Bengal"), 1):
            for number in range(first, first + 4):
                put(home / "images" / f"{breed}_{number}.jpg", label * 100 + number)
                rows.append(f"{breed}_{number} {label} {1 + label % 2} 1")
        lines(home / "annotations" / f"{split}.txt", rows)
    return root


def write_dtd(root: Path) -> Path:
    home = root / "dtd" / "dtd"
    for partition in (1, 2):
        for place, split in enumerate(("train", "val", "test")):
            rows = []
            for label, name in enumerate(("banded", "blotchy", "braided")):
                for number in range(3):
                    seed = (3 * (place + partition) + number) % 9
                    put(home / "images" / name / f"{name}_{seed:04d}.jpg", 10 * label + seed)
                    rows.append(f"{name}/{name}_{seed:04d}.jpg")
            lines(home / "labels" / f"{split}{partition}.txt", rows)
    return root


def write_aircraft(root: Path) -> Path:
    home = root / "fgvc-aircraft-2013b" / "data"
    variants = ["707-320", "727-200", "Boeing 717"]
    lines(home / "variants.txt", variants)
    rows: dict[str, list[str]] = {"train": [], "val": [], "test": []}
    for number in range(18):
        put(home / "images" / f"{number:07d}.jpg", number)
        rows[list(rows)[number // 6]].append(f"{number:07d} {variants[number % 3]}")
    rows["trainval"] = rows["train"] + rows["val"]
    for split, found in rows.items():
        lines(home / f"images_variant_{split}.txt", found)
    return root


def write_food(root: Path) -> Path:
    import json

    home = root / "food-101"
    for split, first in (("train", 0), ("test", 3)):
        rows = {name: [f"{name}/{first + n}" for n in range(3)] for name in ("apple_pie", "waffles")}
        for name, found in rows.items():
            for number, path in enumerate(found):
                put(home / "images" / f"{path}.jpg", len(name) * 10 + first + number)
        lines(home / "meta" / f"{split}.txt", [path for found in rows.values() for path in found])
        (home / "meta" / f"{split}.json").write_text(json.dumps(rows))
    return root


def write_sun(root: Path) -> Path:
    home = root / "SUN397"
    folders = ["/a/abbey", "/a/apse/indoor", "/b/bakery/shop"]
    lines(home / "ClassName.txt", folders)
    for split, first in (("Training", 0), ("Testing", 3)):
        for partition in (1, 2):
            rows = [
                f"{folder}/sun_{letter}{(first + partition) % 6}.jpg"
                for folder in folders
                for letter in "abc"
            ]
            for number, row in enumerate(rows):
                put(home / row.strip("/"), 100 * first + number)
            lines(home / f"{split}_{partition:02d}.txt", rows)
    return root


def write_places(root: Path) -> Path:
    names = ["/a/airfield", "/a/alley", "/b/bar"]
    lines(root / "categories_places365.txt", [f"{name} {label}" for label, name in enumerate(names)])
    train = [f"{name}/0000000{number}.jpg {label}" for label, name in enumerate(names) for number in (1, 2)]
    val = [f"Places365_val_0000000{number}.jpg {number % 3}" for number in range(1, 7)]
    lines(root / "places365_train_standard.txt", train)
    lines(root / "places365_val.txt", val)
    for seed, row in enumerate(
        [f"data_256_standard{row}" for row in train] + [f"val_256/{row}" for row in val]
    ):
        put(root / row.split()[0], seed)
    return root


def write_flowers(root: Path) -> Path:
    home = root / "flowers-102"
    for number in range(1, 19):
        put(home / "jpg" / f"image_{number:05d}.jpg", number)
    labels = np.array([[1 + number % 3 for number in range(18)]], np.uint8)
    savemat(home / "imagelabels.mat", {"labels": labels})
    ids = {"trnid": [[6, 1, 2]], "valid": [[3, 4, 5]], "tstid": [list(range(7, 19))]}
    savemat(home / "setid.mat", {name: np.array(found, np.uint16) for name, found in ids.items()})
    return root


def write_cars(root: Path) -> Path:
    """With the devkit, as torchvision reads it."""
    home = root / "stanford_cars"
    (home / "devkit").mkdir(parents=True)
    for split, target in (("train", "devkit/cars_train_annos"), ("test", "cars_test_annos_withlabels")):
        rows = []
        for number in range(1, 7):
            put(home / f"cars_{split}" / f"{number:05d}.jpg", number + 50 * (split == "test"))
            rows.append({"bbox_x1": 1, "class": 1 + number % 3, "fname": f"{number:05d}.jpg"})
        savemat(home / f"{target}.mat", {"annotations": structs(rows)})
    names = np.array([["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Acura TL Sedan 2012"]], object)
    savemat(home / "devkit" / "cars_meta.mat", {"class_names": names})
    return root


def write_cars_together(root: Path) -> Path:
    """As one archive with one list: the same photos, train first."""
    rows = []
    for number in range(1, 13):
        put(root / "car_ims" / f"{number:06d}.jpg", number if number < 7 else number + 44)
        path, label = f"car_ims/{number:06d}.jpg", 1 + (number if number < 7 else number - 6) % 3
        rows.append({"relative_im_path": path, "bbox_x1": 1, "class": label, "test": int(number > 6)})
    names = np.array([["AM General Hummer SUV 2000", "Acura RL Sedan 2012", "Acura TL Sedan 2012"]], object)
    savemat(root / "cars_annos.mat", {"annotations": structs(rows), "class_names": names})
    return root


WNIDS = ("n02119789", "n02100735", "n01440764")
"""In the devkit's order, which is not that of the names."""


def write_imagenet_val(root: Path) -> Path:
    """Six flat photos of three classes beside the devkit's data."""
    data = root / "ILSVRC2012_devkit_t12" / "data"
    for number in range(1, 7):
        put(root / "val" / f"ILSVRC2012_val_{number:08d}.JPEG", number)
    lines(data / "ILSVRC2012_validation_ground_truth.txt", [str(1 + number % 3) for number in range(6)])
    rows = [
        {
            "ILSVRC2012_ID": number,
            "WNID": wnid,
            "words": f"thing {number}, one",
            "gloss": "",
            "num_children": 0,
        }
        for number, wnid in enumerate(WNIDS, 1)
    ]
    rows.append(
        {"ILSVRC2012_ID": 1001, "WNID": "n00001740", "words": "entity", "gloss": "", "num_children": 3}
    )
    savemat(data / "meta.mat", {"synsets": structs(rows)})
    return root


def write_caltech(root: Path) -> Path:
    home = root / "caltech101" / "101_ObjectCategories"
    for label, (name, count) in enumerate((("BACKGROUND_Google", 33), ("accordion", 35), ("Faces", 40))):
        for number in range(1, count + 1):
            put(home / name / f"image_{number:04d}.jpg", 100 * label + number)
    return root


def write_tiny_imagenet(root: Path) -> Path:
    home = root / "tiny-imagenet-200"
    wnids = ("n02000001", "n01000001", "n03000001")
    for label, wnid in enumerate(wnids):
        for number in range(4):
            put(home / "train" / wnid / "images" / f"{wnid}_{number}.JPEG", 10 * label + number)
        (home / "train" / wnid / f"{wnid}_boxes.txt").write_text(f"{wnid}_0.JPEG\t0\t0\t62\t63\n")
    lines = []
    for number in range(6):
        put(home / "val" / "images" / f"val_{number}.JPEG", 100 + number)
        lines.append(f"val_{number}.JPEG\t{wnids[number % 3]}\t0\t32\t44\t62\n")
    (home / "val" / "val_annotations.txt").write_text("".join(lines))
    (home / "wnids.txt").write_text("".join(f"{wnid}\n" for wnid in wnids))
    return root


WRITERS: dict[str, Callable[[Path], Path]] = {
    "cifar10": lambda root: write_cifar(root, coarse=False),
    "cifar100": lambda root: write_cifar(root, coarse=True),
    "stl10": write_stl,
    "tiny-imagenet": write_tiny_imagenet,
    "imagenet-val": write_imagenet_val,
    "places365": write_places,
    "flowers102": write_flowers,
    "pets": write_pets,
    "dtd": write_dtd,
    "aircraft": write_aircraft,
    "cars": write_cars,
    "food101": write_food,
    "sun397": write_sun,
    "caltech101": write_caltech,
}
"""Each kind's writer: the folder that is given to torchvision as its root."""
