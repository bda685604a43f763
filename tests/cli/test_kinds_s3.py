"""Commands that take a folder tell of an address what they tell of the folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from faulty_store import FaultyStore

from maskgen.io.storage.location import open_location
from maskgen.shards import manifest
from maskgen.shards.reader import read_samples

Call = Callable[..., tuple[int, str, str]]
FAR = "s3://bucket/deep/shards"


@pytest.fixture
def store(faulty_store: FaultyStore, data: Path) -> FaultyStore:
    """The data set and its photos, in a store with small pages."""
    faulty_store.page = 3
    faulty_store.upload(data, "deep/shards")
    faulty_store.upload(data.parent / "photos", "photos")
    return faulty_store


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize(
    "words",
    [
        ("info", "--json"),
        ("status", "--json"),
        ("verify", "--json"),
        ("verify", "--full"),
        ("show", "p2", "--json"),
        ("show", "photos/p9.jpg"),
    ],
)
def test_the_same_words(call: Call, data: Path, words: tuple[str, ...]) -> None:
    name, *more = words
    status, out, err = call(name, data, *more)
    assert call(name, FAR, *more) == (status, out.replace(str(data), FAR), err.replace(str(data), FAR))
    assert out


@pytest.mark.usefixtures("store")
def test_the_same_files(call: Call, data: Path, tmp_path: Path) -> None:
    for place in (data, FAR):
        folder = tmp_path / Path(str(place)).parent.name
        assert call("show", place, "p2", "--extract", folder)[0] == 0
        assert call("preview", place, "--output", folder / "samples.png")[0] == 0
    here, far = (
        {one.name: one.read_bytes() for one in folder.iterdir()} for folder in sorted(tmp_path.iterdir())
    )
    assert here == far
    assert len(here) > 5


def test_verify_compares_with_photos_at_an_address(call: Call, data: Path, store: FaultyStore) -> None:
    status, out, _ = call("verify", FAR, "--source", "s3://bucket/photos")
    assert status == 0
    assert "5 photos compared with s3://bucket/photos: 0 faults" in out
    store.objects["photos/p2.jpg"] = store.objects["photos/p2.jpg"][:-1] + b"!"
    status, out, _ = call("verify", data, "--source", "s3://bucket/photos")
    assert status == 1
    assert "p2: p2.jpg is not the photo that the sample was made of" in out
    status, _, err = call("verify", data, "--source", "s3://bucket/nowhere")
    assert status == 2
    assert "the input is not there: s3://bucket/nowhere" in err


@pytest.mark.slow
def test_eval_and_compare_take_truths_and_maps_at_addresses(
    call: Call, data: Path, store: FaultyStore, tmp_path: Path
) -> None:
    whole = manifest.read(data)
    images: list[dict[str, object]] = []
    (tmp_path / "maps").mkdir()
    for record in whole.shards:
        for sample in read_samples(data, record, whole.members):
            mask = cv2.imdecode(np.frombuffer(sample.members["mask.png"], np.uint8), cv2.IMREAD_GRAYSCALE)
            cv2.imwrite(str(tmp_path / "maps" / f"{sample.key}.png"), 255 - mask // 2)
            size = dict(zip(("height", "width"), mask.shape, strict=True))
            images.append({"id": len(images), "file_name": f"{sample.key}.jpg", **size})
    box = [5, 5, 30, 5, 30, 30, 5, 30]
    notes = [{"image_id": one["id"], "iscrowd": 0, "segmentation": [box]} for one in images]
    instances = {"images": images, "annotations": notes}
    (tmp_path / "instances.json").write_text(json.dumps(instances))
    store.upload(tmp_path, "truth")
    far, one = "s3://bucket/truth", ("--json", "--workers", "1")
    wanted = call("eval", "--masks", data, "--truth", tmp_path / "maps", *one)
    assert wanted[0] == 0
    assert call("eval", "--masks", FAR, "--truth", f"{far}/maps", *one)[:2] == wanted[:2]
    wanted = call("eval", "--masks", tmp_path / "maps", "--truth", tmp_path / "instances.json", *one)
    assert wanted[0] == 0
    assert call("eval", "--masks", f"{far}/maps", "--truth", f"{far}/instances.json", *one)[:2] == wanted[:2]
    sheets = []
    for masks, maps, photos in (
        (data, tmp_path / "maps", data.parent / "photos"),
        (FAR, f"{far}/maps", "s3://bucket/photos"),
    ):
        sheet = tmp_path / f"{len(sheets)}.png"
        words = ("--truth", maps, "--photos", photos, "--output", sheet, *one)
        status, out, err = call("compare", f"a={masks}", f"b={maps}", *words)
        assert status == 0, err
        sheets.append((json.loads(out), sheet.read_bytes()))
    assert sheets[0] == sheets[1]


@pytest.mark.usefixtures("amazon")
def test_a_bucket_that_is_not_there_is_named_as_such(call: Call, tmp_path: Path) -> None:
    for name, *more in (["info"], ["status"], ["verify"], ["export", tmp_path / "out", "--to", "png"]):
        status, out, err = call(name, "s3://nowhere/shards", *more)
        assert status in (1, 2)
        assert "there is no such bucket: s3://nowhere/shards" in out + err, name


def test_what_is_not_there_is_named(call: Call, data: Path, store: FaultyStore) -> None:
    status, _, err = call("eval", "--masks", data, "--truth", "s3://bucket/gone")
    assert status == 2
    assert "the truth is not there: s3://bucket/gone" in err
    status, _, err = call("eval", "--masks", "s3://bucket/gone", "--truth", data.parent / "photos")
    assert status == 2
    assert "s3://bucket/gone" in err
    for name in ("info", "status", "verify"):
        status, out, err = call(name, "s3://bucket/gone")
        assert status in (1, 2)
        assert "s3://bucket/gone" in out + err
    assert not open_location("s3://bucket/gone").exists()


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("command", ["info", "status", "verify"])
def test_an_address_with_nothing_below_it_is_a_wrong_word(call: Call, command: str) -> None:
    status, out, err = call(command, "s3://bucket/deep/nothing")
    assert (status, out) == (2, "")
    wanted = "no run is here" if command == "status" else "there is no such folder"
    assert err.startswith(f"maskgen: {wanted}: s3://bucket/deep/nothing\n")
