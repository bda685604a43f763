"""Whole runs over the real data of every source: what goes in comes out, or is listed with its reason."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage
from PIL import Image

from maskgen.config.run_config import make_config
from maskgen.errors import EXIT_DONE, EXIT_FAULTS, SourceFault, UsageError
from maskgen.pipelines.running import Outcome, failures, run
from maskgen.release import PHOTOS
from maskgen.shards import manifest, reader
from maskgen.shards.meta import unpack_meta
from maskgen.shards.reader import SampleBytes
from maskgen.shards.verify import verify

pytestmark = pytest.mark.slow  # its fixtures are

SOURCES = {
    "imagenet": ("imagenet_sample_1000", 250, 0),
    "coco": ("coco_tiny_160", 80, 0),
    "jft": ("raccoon_200/data", 40, 0),
    "webdataset": ("webdataset_tars/testdata", 90, 0),
}


def make(output: Path, dataset: str, place: Path | str = "", **options: object) -> Outcome:
    given = {"dataset": dataset, "input": str(place), "output": str(output), "method": "box", "workers": 2}
    return run(make_config({**given, **options}))


def samples(output: Path) -> list[SampleBytes]:
    whole = manifest.read(output)
    return [
        sample for record in whole.shards for sample in reader.read_samples(output, record, whole.members)
    ]


@pytest.mark.parametrize("dataset", SOURCES)
def test_real_sources_in_equals_out(dataset: str, shared_data: Path, tmp_path: Path) -> None:
    place, images, broken = SOURCES[dataset]
    outcome = make(tmp_path / "shards", dataset, shared_data / place, shard_size=64)
    whole = outcome.manifest
    assert (whole.planned, whole.samples + whole.failed, whole.failed) == (images, images, broken)
    assert outcome.exit_code == EXIT_DONE
    assert verify(tmp_path / "shards", "full").faults == ()


def test_odd_files_are_stored_or_quarantined_once_each(shared_data: Path, tmp_path: Path) -> None:
    files = [
        p
        for p in (shared_data / "pillow_odd").iterdir()
        if p.suffix in {".jpg", ".png", ".webp", ".gif", ".avif"}
    ]
    outcome = make(tmp_path / "shards", "folder", shared_data / "pillow_odd", max_failures="5%")
    failed = {row["path"]: row["error"] for row in failures(tmp_path / "shards")}
    stored = {json.loads(sample.members["json"])["source"] for sample in samples(tmp_path / "shards")}
    assert not stored & failed.keys()
    assert stored | failed.keys() >= {path.name for path in files}
    assert outcome.exit_code == EXIT_FAULTS
    assert all(
        failed[p.name].startswith("format-not-allowed") for p in files if p.suffix in {".gif", ".avif"}
    )
    assert Counter(error.split(":")[0] for error in failed.values())["truncated"] >= 2
    assert verify(tmp_path / "shards", "full").faults == ()


@pytest.fixture(scope="module")
def sample_shards(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("sample") / "shards"
    make(output, "sample", method="rbd", shard_size=5)
    return output


def test_samples_keep_what_the_contract_promises(sample_shards: Path) -> None:
    """Members, sizes and loader members recomputed here from the masks and photos by other libraries."""
    whole = manifest.read(sample_shards)
    assert len(whole.shards) == 4
    for sample in samples(sample_shards):
        parts = sample.members
        facts = json.loads(parts["json"])
        photo = Image.open(io.BytesIO(parts["jpg"]))
        mask = np.asarray(Image.open(io.BytesIO(parts["mask.png"])))
        background = Image.open(io.BytesIO(parts["bg.jpg"]))
        assert photo.size == mask.shape[::-1] == background.size == (facts["width"], facts["height"])
        assert (photo.mode, mask.dtype, mask.ndim) == ("RGB", np.uint8, 2) or photo.mode == "L"
        hard = mask >= round(0.25 * 255)
        assert facts["fg_area"] == pytest.approx(hard.mean(), abs=1e-6)
        rows, columns = np.nonzero(hard)
        assert facts["fg_box"] == [rows.min(), columns.min(), rows.max() + 1, columns.max() + 1]
        table = np.frombuffer(parts["sat"], "<u2").reshape(33, 33)
        half = hard[: mask.shape[0] // 2].sum() / hard.sum()
        assert table[16, 32] / 65535 == pytest.approx(half, abs=0.01)
        assert len(parts["fg"]) == 128 * 128
        meta = unpack_meta(parts["meta"])
        label = ("animals", "people", "things", "vehicles").index(sample.key.partition("_")[0])
        assert (*meta["size"].tolist(), meta["label"]) == (facts["height"], facts["width"], label)
        y0, x0, y1, x1 = meta["free_box"].tolist()
        assert not hard[y0:y1, x0:x1].any()


def test_plain_jpegs_are_stored_byte_for_byte(sample_shards: Path) -> None:
    stored = {sample.key: sample for sample in samples(sample_shards)}
    assert len(stored) == len(list(PHOTOS.glob("*/*.jpg"))) == 16
    for key, sample in stored.items():
        assert sample.members["jpg"] == (PHOTOS / f"{key.replace('_', '/')}.jpg").read_bytes()
        assert json.loads(sample.members["json"])["verbatim"] is True


def test_other_photos_are_stored_as_jpegs_of_high_quality(tmp_path: Path) -> None:
    source = Path(skimage.__file__).parent / "data" / "coffee.png"
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "coffee.png").write_bytes(source.read_bytes())
    make(tmp_path / "shards", "folder", tmp_path / "photos", photo_format="jpg")
    (sample,) = samples(tmp_path / "shards")
    stored = np.asarray(Image.open(io.BytesIO(sample.members["jpg"])), int)
    assert json.loads(sample.members["json"])["verbatim"] is False
    assert np.abs(stored - np.asarray(Image.open(source), int)).mean() < 4  # quality 95


def test_the_background_is_the_photo_outside_its_foreground(sample_shards: Path) -> None:
    for sample in samples(sample_shards):
        photo = cv2.imdecode(np.frombuffer(sample.members["jpg"], np.uint8), cv2.IMREAD_COLOR)
        background = cv2.imdecode(np.frombuffer(sample.members["bg.jpg"], np.uint8), cv2.IMREAD_COLOR)
        y0, x0, y1, x1 = json.loads(sample.members["json"])["fg_box"]
        outside = np.ones(photo.shape[:2], bool)
        outside[max(0, y0 - 24) : y1 + 24, max(0, x0 - 24) : x1 + 24] = False
        if outside.any():
            assert np.abs(photo[outside].astype(int) - background[outside]).mean() < 6  # JPEG quality 90


def test_tars_hold_adjacent_members_in_the_contracts_order(sample_shards: Path) -> None:
    order = ["jpg", "mask.png", "bg.jpg", "json", "cls", "sat", "fg", "meta"]
    for path in sorted(sample_shards.glob("*.tar")):
        with tarfile.open(path) as opened:
            names = opened.getnames()
        assert [name.split(".", 1)[1] for name in names] == order * (len(names) // len(order))
        keys = [name.split(".", 1)[0] for name in names[:: len(order)]]
        assert [name.split(".", 1)[0] for name in names] == [key for key in keys for _ in order]


def test_options_shape_the_members(tmp_path: Path) -> None:
    make(tmp_path / "s", "sample", background="none", layout="sidecar", binary=True, mask_side=100, limit=3)
    for sample in samples(tmp_path / "s"):
        assert list(sample.members) == ["mask.png", "json", "cls", "sat", "fg", "meta"]
        mask = Image.open(io.BytesIO(sample.members["mask.png"]))
        assert (mask.mode, max(mask.size)) == ("1", 100)
    make(tmp_path / "small", "sample", short_side=96, background_side=64, background="telea", limit=3)
    for sample in samples(tmp_path / "small"):
        photo, background = (Image.open(io.BytesIO(sample.members[ext])) for ext in ("jpg", "bg.jpg"))
        assert (min(photo.size), min(background.size)) == (96, 64)
    for name in ("s", "small"):
        assert verify(tmp_path / name, "full").faults == ()


def test_sidecar_shards_have_the_keys_of_the_full_ones(tmp_path: Path) -> None:
    make(tmp_path / "full", "sample", limit=6)
    make(tmp_path / "sidecar", "sample", limit=6, layout="sidecar")
    full, sidecar = (samples(tmp_path / name) for name in ("full", "sidecar"))
    assert [s.key for s in full] == [s.key for s in sidecar]
    for one, other in zip(full, sidecar, strict=True):
        assert {**other.members, "jpg": one.members["jpg"]} == one.members


def test_imagenet_oddities_are_all_decoded(tmp_path: Path) -> None:
    """A PNG named .JPEG, CMYK, gray, broken EXIF, rotated: the kinds that ImageNet is known to hold."""
    folder = tmp_path / "in" / "train" / "n01440764"
    folder.mkdir(parents=True)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8))
    photo.save(folder / "n01440764_1.JPEG", "PNG")
    photo.convert("CMYK").save(folder / "n01440764_2.JPEG", "JPEG")
    photo.convert("L").save(folder / "n01440764_3.JPEG", "JPEG")
    photo.save(folder / "n01440764_4.JPEG", "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(folder / "n01440764_5.JPEG", "JPEG", exif=exif)
    outcome = make(tmp_path / "s", "imagenet", tmp_path / "in")
    assert (outcome.manifest.samples, outcome.manifest.failed) == (5, 0)
    found = {s.key[-1]: json.loads(s.members["json"]) for s in samples(tmp_path / "s")}
    assert {key: facts["verbatim"] for key, facts in found.items()} == {
        "1": False,
        "2": False,
        "3": True,
        "4": False,
        "5": False,
    }
    assert (found["5"]["width"], found["5"]["height"]) == (60, 80)
    assert all(s.members["cls"] == b"0" for s in samples(tmp_path / "s"))


def test_a_run_that_could_make_nothing_leaves_the_folder_free_for_one_with_the_right_weights(
    shared_data: Path, tmp_path: Path
) -> None:
    torch = pytest.importorskip("torch")
    good = shared_data / "weights" / "u2netp" / "u2netp_from_fp16.pth"
    broken = tmp_path / "u2netp.pth"
    state = torch.load(good, weights_only=True)
    torch.save({**state, "outconv.weight": state["outconv.weight"] * float("nan")}, broken)
    output = tmp_path / "shards"
    values = {"dataset": "sample", "output": str(output), "method": "u2netp", "limit": 1, "workers": 1}
    with pytest.raises(UsageError, match="not finite"):
        run(make_config({**values, "weights": str(broken)}))
    assert not output.exists()
    (output / "records").mkdir(parents=True)
    with pytest.raises(UsageError, match="not finite"):
        run(make_config({**values, "weights": str(broken)}))
    assert list(output.iterdir()) == []  # a folder that was there stays
    assert run(make_config({**values, "weights": str(good)})).manifest.samples == 1


def test_a_refused_run_leaves_no_folder_that_it_has_made(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    values = {"dataset": "folder", "input": str(tmp_path / "photos"), "workers": 1}
    for there in (False, True):
        output = tmp_path / "new" / "shards"
        if there:
            output.mkdir(parents=True)
        with pytest.raises(SourceFault, match=r"(?s)holds no image.*Next: check --input"):
            run(make_config({**values, "output": str(output)}))
        left = {tmp_path / "photos", *([output.parent, output] if there else [])}
        assert set(tmp_path.rglob("*")) == left


def test_shards_that_are_given_as_photos_are_told_what_reads_them(tmp_path: Path) -> None:
    shards = str(tmp_path / "shards")
    run(make_config({"dataset": "sample", "output": shards, "method": "box", "limit": 2, "workers": 1}))
    values = {"input": shards, "output": str(tmp_path / "again"), "method": "box", "workers": 1}
    with pytest.raises(SourceFault, match="--dataset webdataset reads the photos of shards"):
        run(make_config({**values, "dataset": "folder"}))
    assert run(make_config({**values, "dataset": "webdataset"})).manifest.samples == 2
