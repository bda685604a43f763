"""`maskgen preview --views`: the picture shows what the loader gives, and its captions say what was done."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_kit import draw_smooth_photos, fill_shards
from numpy.typing import NDArray

pytest.importorskip("torch", reason="views are torch tensors")
from maskgen.drawing.contact_sheet import pick, render_sheet, spread
from maskgen.drawing.grid import MARK
from maskgen.errors import EXIT_USAGE
from maskgen.loaders import (
    RECIPES,
    open_dataset,
)
from maskgen.loaders.dataset.labels import shard_paths
from maskgen.loaders.inspect.sheet import first_batch
from maskgen.shards import manifest

pytestmark = pytest.mark.slow  # its fixtures are

Call = Callable[..., tuple[int, str, str]]


Picture = NDArray[np.uint8]


CELL, GAP, TEXT = 112, 6, 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten photos of smooth colors, each its own, in shards of both layouts."""
    folder = tmp_path_factory.mktemp("views")
    draw_smooth_photos(folder)
    fill_shards(folder)
    return folder


def cell_of(sheet: Picture, row: int, column: int, side: int = CELL) -> Picture:
    y, x = GAP + TEXT + row * (CELL + TEXT + GAP), GAP + column * (CELL + GAP)
    return sheet[y : y + side, x : x + side]


def read(path: Path) -> Picture:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)


def halved(picture: Picture) -> NDArray[np.float64]:
    """(3, 224, 224) as (112, 112, 3), the means of 2 x 2 pixels."""
    return picture.reshape(3, CELL, 2, CELL, 2).mean(axis=(2, 4)).transpose(1, 2, 0)


def test_each_cell_is_the_loaders_tensor_made_smaller(call: Call, folder: Path, tmp_path: Path) -> None:
    target = tmp_path / "views.png"
    options = ("--views", "mocov2-bg-swaps", "--rows", "8", "--seed", "1", "--cell", str(CELL))
    status, out, _ = call("preview", folder / "full", *options, "--output", target)
    assert (status, out) == (0, f"{target}: 8 photos, mocov2-bg-swaps\n")
    sheet = read(target)
    assert sheet.shape[:2] == (GAP + TEXT + 8 * (CELL + TEXT + GAP), GAP + 5 * (CELL + GAP))
    batch, _ = first_batch(open_dataset(folder / "full"), RECIPES["mocov2-bg-swaps"], 8, 1)
    assert batch["negative"] is not None
    assert batch["matched"] is not None
    for column, pictures in enumerate((*batch["views"], batch["negative"]), start=2):
        for row in range(8):
            assert np.abs(cell_of(sheet, row, column) - halved(pictures[row].numpy())).max() <= 1
    matched = batch["matched"].tolist()
    assert set(matched) == {True, False}
    for row, framed in enumerate(matched):
        y, x = GAP + TEXT + row * (CELL + TEXT + GAP) - 3, GAP + 4 * (CELL + GAP) + CELL // 2
        assert ((sheet[y, x] == MARK).all()) == framed


def test_without_dali_the_same_picture_comes_from_torch(
    call: Call, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("nvidia.dali", reason="two loaders are compared")
    options = ("--views", "relicv2", "--rows", "3", "--cell", str(CELL))
    assert call("preview", folder / "full", *options, "--output", tmp_path / "dali.png")[0] == 0
    monkeypatch.setitem(sys.modules, "nvidia.dali", None)
    assert call("preview", folder / "full", *options, "--output", tmp_path / "torch.png")[0] == 0
    one, other = read(tmp_path / "dali.png").astype(int), read(tmp_path / "torch.png").astype(int)
    assert one.shape == other.shape
    assert np.abs(one - other).mean() < 0.5


def test_fewer_samples_than_rows(folder: Path, call: Call, tmp_path: Path) -> None:
    status, out, _ = call(
        "preview", folder / "full", "--views", "msr", "--rows", "40", "--output", tmp_path / "v.jpg"
    )
    assert status == 0
    assert "10 photos" in out


def test_sidecar_shards_show_the_originals(call: Call, folder: Path, tmp_path: Path) -> None:
    options = ("--views", "cast", "--rows", "3")
    status, _, err = call("preview", folder / "sidecar", *options, "--output", tmp_path / "v.png")
    assert status == 2
    assert "no photos" in err
    assert "--photos" in err
    pictures = []
    for layout, more in (("full", ()), ("sidecar", ("--photos", folder / "photos"))):
        target = tmp_path / f"{layout}.png"
        assert call("preview", folder / layout, *options, *more, "--output", target)[0] == 0
        pictures.append(target.read_bytes())
    assert pictures[0] == pictures[1]


def test_damaged_samples_are_left_out_and_counted(call: Call, folder: Path, tmp_path: Path) -> None:
    import shutil

    copy = Path(shutil.copytree(folder / "full", tmp_path / "copy"))
    dataset = open_dataset(copy)
    shard, row = dataset.locate(4)
    offset, _ = shard.place(row, dataset.members.index("jpg"))
    tar = dataset.tar(shard)
    with tar.open("r+b") as file:
        file.seek(offset)
        file.write(bytes(64))
    options = ("--views", "plain", "--rows", "10", "--output", tmp_path / "v.png")
    status, out, _ = call("preview", copy, *options)
    assert status == 0
    assert out.endswith("10 photos, plain, 1 damaged sample left out\n")


def test_the_list_and_mistakes(call: Call, folder: Path, tmp_path: Path) -> None:
    status, out, _ = call("preview", "--views", "list")
    assert status == 0
    assert [line.split()[0] for line in out.splitlines()] == list(RECIPES)
    assert "2 x 224 px area 0.2-1 fg_min 0.1 another background p 0.2; a negative, matched with p 0.2" in out
    assert "4 x 96 px area 0.05-0.14 over view 1" in out
    target = ("--output", tmp_path / "v.png")
    status, _, err = call("preview", folder / "full", "--views", "mocov2-bg-swap", *target)
    assert status == 2
    assert "did you mean 'mocov2-bg-swaps'?" in err
    status, _, err = call("preview", folder / "full", "--rows", "3", "--cell", "99", *target)
    assert (status, "--cell, --rows: only with --views" in err) == (2, True)
    status, _, err = call("preview", folder / "full", "--views", "msr", "--count", "3", *target)
    assert (status, "--count: not with --views" in err) == (2, True)
    assert not (tmp_path / "v.png").exists()


@pytest.mark.slow
def test_samples_of_the_sidecar_layout_are_drawn_as_those_with_photos(
    call: Call, folder: Path, tmp_path: Path
) -> None:
    full, sidecar, alone = (tmp_path / f"{name}.png" for name in ("full", "sidecar", "alone"))
    shards = folder / "sidecar"
    heads = "10 samples, photo | mask | overlay | background"
    assert heads in call("preview", folder / "full", "--output", full)[1]
    assert heads in call("preview", shards, "--photos", folder / "photos", "--output", sidecar)[1]
    assert full.read_bytes() == sidecar.read_bytes()
    whole = manifest.read(folder / "full")
    rows = list(pick(folder / "full", whole, spread(whole, 24)))
    assert full.read_bytes() == render_sheet(rows, ("photo", "mask", "overlay", "background"), ".png")
    _, out, err = call("preview", shards, "--output", alone)
    assert ("10 samples, mask | background" in out, "--photos INPUT draws them too" in err) == (True, True)
    status, _, err = call("preview", shards, "--photos", tmp_path, "--output", alone)
    assert (status != 0, "the originals are not here" in err) == (True, True)


def test_what_crops_show_is_printed_if_asked(folder: Path, tmp_path: Path, call: Call) -> None:
    words = ("preview", folder / "full", "--output", tmp_path / "v.png", "--stats", "100")
    status, out, _ = call(*words, "--views", "relicv2")
    assert status == 0
    lines = out.splitlines()
    assert lines[0].startswith("10 photos, ")
    assert [line.split()[0] for line in lines[2:8]] == ["0", "1", "2", "3", "4", "5"]
    assert len(lines) == 2 + 6 + 1 + 15 + 1, "the views, the pairs, and the picture"
    status, _, err = call(*words)
    assert status == EXIT_USAGE
    assert "--stats: only with --views" in err


def test_which_objects_crops_show_is_printed_by_cocos_outlines(
    folder: Path, tmp_path: Path, call: Call
) -> None:
    dataset = open_dataset(folder / "full")
    paths = [path for shard in dataset.shards for path in shard_paths(dataset, shard)]
    images = [{"id": n, "file_name": path, "height": 40, "width": 60} for n, path in enumerate(paths[:-1])]
    whole = [0, 0, 60, 0, 60, 40, 0, 40]
    annotations = [{"image_id": n, "segmentation": [whole], "iscrowd": 0} for n in range(len(images))]
    file = tmp_path / "instances.json"
    file.write_text(json.dumps({"images": images, "annotations": annotations}))
    words = ("preview", folder / "full", "--output", tmp_path / "v.png", "--views", "mocov2")
    status, out, _ = call(*words, "--stats", "100", "--objects", file)
    assert status == 0
    head, row = out.splitlines()[-3:-1]
    assert f"(of {len(images)} photos in the file)" in head
    assert row.split() == ["0,", "1", "100.0%", "0.0%", "0.0%"]
    status, _, err = call(*words, "--objects", file)
    assert (status, "--objects: only with --stats" in err) == (EXIT_USAGE, True)
    file.write_text(json.dumps({"images": [{**images[0], "file_name": "other.jpg"}], "annotations": []}))
    status, _, err = call(*words, "--stats", "100", "--objects", file)
    assert (status, "no photo of these shards is in the file" in err) == (EXIT_USAGE, True)
