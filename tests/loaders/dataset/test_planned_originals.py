"""Photos inside zip and TFRecord files, found by the plan of the run that made their masks."""

from __future__ import annotations

import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from photo_folders import photo, read_all
from tfrecord.writer import TFRecordWriter

from maskgen.config.run_config import make_config
from maskgen.errors import ShardFault
from maskgen.loaders import MaskReader
from maskgen.loaders.dataset.open import open_dataset
from maskgen.loaders.inspect.originals import read_originals
from maskgen.loaders.reading.broken import BrokenSample
from maskgen.loaders.reading.samples import SampleReader
from maskgen.pipelines.planning import prepare
from maskgen.pipelines.resolve import resolve
from maskgen.pipelines.shard.make import ShardJob, make_shard
from maskgen.pipelines.shard.stages import Stages
from maskgen.processes.watch import IDLE, Watch
from maskgen.shards import manifest
from maskgen.shards.plan import shard_rows

PHOTOS = [photo(number)[0] for number in range(5)]


def make_masks(output: Path, dataset: str, place: Path, members: str = "full") -> Path:
    """Shards without photos, as `maskgen run --layout sidecar` makes them."""
    values = {"dataset": dataset, "input": str(place), "output": str(output), "members": members}
    config = resolve(make_config({**values, "method": "box", "layout": "sidecar", "shard_size": 3}))
    plan = prepare(config)
    for number, shard in enumerate(plan.shards):
        job = ShardJob(output, number, shard.name, plan.members, plan.fingerprint)
        make_shard(job, shard_rows(output, number), Stages(config, plan.members), Watch(list(IDLE)))
    manifest.write(output, plan)
    return output


def zip_of(folder: Path, method: int) -> Path:
    folder.mkdir()
    with zipfile.ZipFile(folder / "train2017.zip", "w", method) as file:
        for number, data in enumerate(PHOTOS):
            file.writestr(f"train2017/{number:012d}.jpg", data)
    return folder


def records_of(folder: Path) -> Path:
    folder.mkdir()
    for shard, numbers in enumerate(((0, 1), (2, 3, 4))):
        writer = TFRecordWriter(str(folder / f"jft-train-{shard:05d}-of-00002"))
        for number in numbers:
            name = b"%012d.jpg" % number
            writer.write({"image/encoded": (PHOTOS[number], "byte"), "image/filename": (name, "byte")})
        writer.close()
    return folder


SOURCES: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "stored zip": ("coco", lambda folder: zip_of(folder, zipfile.ZIP_STORED)),
    "deflated zip": ("coco", lambda folder: zip_of(folder, zipfile.ZIP_DEFLATED)),
    "TFRecord": ("jft", records_of),
}


@pytest.mark.parametrize("members", ["full", "lean"])
@pytest.mark.parametrize("source", SOURCES)
def test_masks_open_with_the_photos_that_they_were_made_from(
    tmp_path: Path, source: str, members: str
) -> None:
    dataset, write = SOURCES[source]
    place = write(tmp_path / "photos")
    shards = make_masks(tmp_path / "masks", dataset, place, members)
    expected = {f"{number:012d}": data for number, data in enumerate(PHOTOS)}
    assert read_all(shards, place, check_hashes=True) == expected
    assert list(MaskReader(shards).keys()) == list(expected)
    records = manifest.read(shards).shards
    shown = read_originals(shards, place, [(records[1], (0,))])
    assert {key: picture.shape[:2] for key, picture in shown.items()} == {"0" * 11 + "3": photo(3)[1]}


def test_without_the_plan_the_photos_are_refused_with_what_to_do(tmp_path: Path) -> None:
    place = zip_of(tmp_path / "photos", zipfile.ZIP_STORED)
    shards = make_masks(tmp_path / "masks", "coco", place)
    (shards / "plan.json").unlink()
    with pytest.raises(ShardFault, match=r"(?s)zip or TFRecord.*copy the plan along"):
        open_dataset(shards, photos=place)


def test_a_zip_that_was_written_anew_is_refused_and_one_that_rots_breaks_its_sample(tmp_path: Path) -> None:
    place = zip_of(tmp_path / "photos", zipfile.ZIP_DEFLATED)
    shards = make_masks(tmp_path / "masks", "coco", place)
    dataset = open_dataset(shards, photos=place)
    file = place / "train2017.zip"
    whole = file.read_bytes()
    offset = int(dataset.photos.where(2).rpartition(" ")[2])  # type: ignore[union-attr]
    file.write_bytes(whole[: offset + 300] + b"\0" * 40 + whole[offset + 340 :])
    with pytest.raises(BrokenSample) as caught:
        SampleReader(dataset, ("jpg",)).take(np.arange(5), ("jpg",))
    assert caught.value.sample == 2
    dataset.photos.close()  # type: ignore[union-attr]
    with zipfile.ZipFile(file, "w") as other:
        for number, data in reversed(list(enumerate(PHOTOS))):
            other.writestr(f"train2017/{number:012d}.jpg", data)
    with pytest.raises(ShardFault, match="not among the originals"):
        open_dataset(shards, photos=place)
    shutil.rmtree(place)
