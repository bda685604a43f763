"""The draw and the first step: which photos, in which order, what is skipped and why."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from maskgen.errors import UsageError
from maskgen.pipelines.distill.data import photos
from maskgen.pipelines.distill.run import begin
from maskgen.pipelines.distill.settings.settings import Request
from maskgen.pipelines.distill.work_folder import WorkFolder


def drawn(folder: Path, seed: int, wanted: int) -> list[str]:
    found = photos.draw(photos.configs([str(folder)], "folder", "train"), seed, wanted)
    return [photo.path for photo in found.photos]


def test_the_draw_depends_on_the_seed_and_each_path_alone(discs: Path, tmp_path: Path) -> None:
    first = drawn(discs, 0, 3)
    assert first == drawn(discs, 0, 3)
    assert sorted(first) == sorted(path.name for path in discs.iterdir())
    assert first != drawn(discs, 1, 3)
    fewer = tmp_path / "fewer"
    fewer.mkdir()
    for name in first[::2]:
        (fewer / name).write_bytes((discs / name).read_bytes())
    assert drawn(fewer, 0, 3) == first[::2], "other photos change a photo's place"


@pytest.mark.slow
def test_every_photo_is_as_likely_as_any_other(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number}.jpg").write_bytes(b"x")
    firsts = [drawn(tmp_path, seed, 1)[0] for seed in range(400)]
    counts = [firsts.count(f"{number}.jpg") for number in range(40)]
    # 400 draws over 40 photos: chi-squared with 39 degrees of freedom, 75 is its 99.95th percentile.
    assert sum((count - 10) ** 2 / 10 for count in counts) < 75


def test_several_inputs_are_one_draw_and_change_its_digest(discs: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "a0.jpg").write_bytes((discs / "a5.jpg").read_bytes())
    both = photos.draw(photos.configs([str(discs), str(other)], "folder", "train"), 0, 3)
    one = photos.draw(photos.configs([str(discs)], "folder", "train"), 0, 3)
    assert both.source["photos"] == one.source["photos"] + 1
    assert both.source["sha256"] != one.source["sha256"]
    assert {(photo.input, photo.path) for photo in both.photos} >= {(0, "a0.jpg"), (1, "a0.jpg")}


def gathered(source: Path, output: Path, *changes: str) -> WorkFolder:
    work, settings, _ = begin(Request(output=output, inputs=(str(source),), preset="test", changes=changes))
    work.begin()
    photos.gather(work, settings, 1, lambda _: None)
    return work


@pytest.mark.slow
def test_broken_files_and_copies_are_skipped_and_named(discs: Path, tmp_path: Path) -> None:
    work = gathered(discs, tmp_path / "work", "images=11")
    record = work.record("photos")
    assert record is not None
    assert len(record["photos"]) == 8
    why = {one["path"]: one["why"] for one in record["skipped"]}
    assert why["html.jpg"].startswith("format-not-allowed")
    assert why["torn.jpg"].startswith("truncated")
    assert sum("duplicate" in text for text in why.values()) == 1
    assert set(why) - {"html.jpg", "torn.jpg"} < {"a3.jpg", "copy.jpg"}


@pytest.mark.slow
def test_the_square_is_that_of_the_method_and_upright(tmp_path: Path) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    rng = np.random.default_rng(3)
    pixels = cv2.resize(rng.integers(0, 256, (6, 9, 3)).astype(np.uint8), (90, 60))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(pixels).save(source / "turned.png", exif=exif)
    Image.fromarray(255 - pixels).save(source / "plain.png")
    work = gathered(source, tmp_path / "work")
    record = work.record("photos")
    assert record is not None
    stored = {one["path"]: work.store.read("photos")[number] for number, one in enumerate(record["photos"])}
    want = {"turned.png": np.rot90(pixels, -1), "plain.png": 255 - pixels}
    for name, photo in want.items():
        small = Image.fromarray(photo).resize((32, 32), Image.Resampling.BILINEAR)
        np.testing.assert_array_equal(stored[name], np.asarray(small))


@pytest.mark.slow
def test_too_few_photos_are_refused_before_and_after_decoding(discs: Path, tmp_path: Path) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    (source / "a.jpg").write_bytes((discs / "a0.jpg").read_bytes())
    with pytest.raises(UsageError, match="list 1, and a batch takes 2"):
        begin(Request(output=tmp_path / "none", inputs=(str(source),), preset="test"))
    assert not (tmp_path / "none").exists()
    (source / "b.jpg").write_bytes(b"broken")
    with pytest.raises(UsageError, match=r"1 can be used(.|\n)*b\.jpg: format-not-allowed"):
        gathered(source, tmp_path / "work")


def test_changed_inputs_are_noticed(discs: Path, tmp_path: Path) -> None:
    source = tmp_path / "photos"
    source.mkdir()
    for number in range(4):
        (source / f"a{number}.jpg").write_bytes((discs / f"a{number}.jpg").read_bytes())
    request = Request(output=tmp_path / "work", inputs=(str(source),), preset="test")
    work, settings, _ = begin(request)
    (source / "a9.jpg").write_bytes((discs / "a7.jpg").read_bytes())
    with pytest.raises(UsageError, match="other photos"):
        photos.gather(work, settings, 1, lambda _: None)
    with pytest.raises(UsageError, match=r"source\.photos: 4 -> 5"):
        begin(request)
