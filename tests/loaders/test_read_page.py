"""Every Python block of docs/how-to/read.md runs as it stands, on data laid out as the page says."""

from __future__ import annotations

import io
import os
import re
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from maskgen.io.images.encode import encode_jpeg
from maskgen.loaders import MaskReader, open_dataset

os.environ.setdefault("HF_HUB_OFFLINE", "1")

PAGE = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "read.md"
KEY = "n01440764_10026"

pytestmark = [
    pytest.mark.filterwarnings("ignore::ResourceWarning"),  # webdataset leaves tars to the garbage collector
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def blocks() -> dict[str, str]:
    """The Python blocks by the heading above them, without those that say why they are not run."""
    found: dict[str, str] = {}
    heading = ""
    for match in re.finditer(
        r"^#+ ([^\n]+)$|(<!-- not run: [^\n]+ -->\n)?^```python\n(.*?)^```$",
        PAGE.read_text(),
        re.MULTILINE | re.DOTALL,
    ):
        if match[1]:
            heading = match[1]
        elif not match[2]:
            found[heading] = match[3]
    return found


BLOCKS = blocks()


@pytest.fixture
def place(builder: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """``shards``, ``masks`` (sidecar), ``originals`` (tars) and ``photos/train`` (folders of classes)."""
    full = builder(samples=11, shard_size=4)
    shutil.move(full.path, tmp_path / "shards")
    side = builder(samples=11, shard_size=4, options={"layout": "sidecar"})
    shutil.move(side.path, tmp_path / "masks")
    (tmp_path / "originals").mkdir()
    for number, drawing in enumerate(full.drawings):
        data = encode_jpeg(drawing.image, 97)
        folder = tmp_path / "photos" / "train" / f"c{number % 2}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{drawing.key}.jpg").write_bytes(data)
        with tarfile.open(tmp_path / "originals" / f"part-{number // 4}.tar", "a") as archive:
            info = tarfile.TarInfo(f"{drawing.key}.jpg")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    monkeypatch.chdir(tmp_path)
    return full


def run(heading: str, **names: Any) -> dict[str, Any]:
    """The names that a block leaves behind."""
    code = BLOCKS[heading].replace(KEY, "s0003")
    exec(compile(code, f"{PAGE.name}: {heading}", "exec"), names)
    return names


def stored(drawing: Any) -> NDArray[np.uint8]:
    return np.asarray(np.rint(drawing.mask * 255), np.uint8)


def test_the_page_has_the_blocks_that_are_tested() -> None:
    assert set(BLOCKS) == {
        "Masks for another project",
        "A torchvision data set with masks",
        "Photos that are in WebDataset shards already",
        "Hugging Face datasets",
        "Opening a data set",
        "Sidecar shards with their originals",
        "Batches through DALI",
    }


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
def test_masks(place: Any) -> None:
    from pycocotools import mask as coco

    names = run("Masks for another project")
    drawing = place.by_key("s0003")
    assert (names["reader"]["s0003"] == stored(drawing)).all()
    assert (names["tensor"].numpy() == stored(drawing)).all()
    assert (names["hard"] == (stored(drawing) >= 128)).all()
    listed = coco.frPyObjects(names["coco"], *names["coco"]["size"])
    assert (coco.decode(listed) == names["hard"]).all()
    assert names["facts"]["key"] == "s0003"
    assert names["key"] == place.drawings[-1].key


def test_torchvision(place: Any) -> None:
    """A mask moves with its photo: red is above its middle exactly where the mask is set."""
    names = run("A torchvision data set with masks")
    assert len(names["data"]) == 11
    shapes = (names["photos"].shape[1:], names["masks"].shape[1:])
    assert shapes == ((3, 224, 224), (224, 224))
    agreements = []
    for photo, mask, label in names["data"]:
        agreements.append(((photo[0] > 127) == (mask == 1)).float().mean().item())
        assert label in (0, 1)
    assert np.mean(agreements) > 0.97


def test_webdataset(place: Any) -> None:
    names = run("Photos that are in WebDataset shards already")
    found = {sample["__key__"]: sample for sample in names["photos"]}
    assert found.keys() == {drawing.key for drawing in place.drawings}
    for drawing in place.drawings:
        assert (found[drawing.key]["mask"] == stored(drawing)).all()
        assert found[drawing.key]["jpg"].shape == drawing.image.shape
        assert np.abs(found[drawing.key]["jpg"].astype(int) - drawing.image).mean() < 3


def test_datasets(place: Any) -> None:
    names = run("Hugging Face datasets")
    found = {row["__key__"]: row for row in names["rows"]}
    assert found.keys() == {drawing.key for drawing in place.drawings}
    for drawing in place.drawings:
        row = found[drawing.key]
        assert (np.asarray(row["mask.png"].convert("L")) == stored(drawing)).all()
        assert row["json"]["fg_area"] == pytest.approx((stored(drawing) >= 128).mean(), abs=1e-6)
        assert row["jpg"].size == drawing.image.shape[1::-1]


def test_opening(place: Any) -> None:
    names = run("Opening a data set")
    assert names["dataset"].samples == 11


def test_sidecar(place: Any) -> None:
    from maskgen.loaders.reading.samples import SampleReader

    names = run("Sidecar shards with their originals", open_dataset=open_dataset)
    reader = SampleReader(names["dataset"], ("jpg",))
    for number, drawing in enumerate(place.drawings):
        assert reader.encoded(number, "jpg").tobytes() == encode_jpeg(drawing.image, 97)
    assert (MaskReader(names["dataset"])["s0005"] == stored(place.by_key("s0005"))).all()


def test_dali(place: Any) -> None:
    pytest.importorskip("nvidia.dali", reason="batches through DALI need DALI")
    names = run("Batches through DALI")
    assert [tuple(view.shape) for view in names["batch"]["views"]] == [(4, 3, 224, 224)] * 2
    assert names["loader"].skipped == 0
    assert names["loader"].state_dict()["samples_done"] == 8
