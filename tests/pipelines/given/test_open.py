"""`maskgen run --method files`: what comes out is what was given."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from maskgen import MaskReader
from maskgen.errors import UsageError
from maskgen.pipelines import Outcome, run
from maskgen.pipelines.given.look import look_at
from maskgen.pipelines.given.open import open_given
from maskgen.pipelines.running import failures
from maskgen.shards.sample import SampleId

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # in pycocotools
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Four photos, and masks of noise for three of them: one as large, one half as large, one turned."""
    rng = np.random.default_rng(0)
    sizes = {"a": (40, 60), "b": (20, 30), "c": (60, 40)}
    for name in "abcd":
        (tmp_path / "photos/x").mkdir(parents=True, exist_ok=True)
        (tmp_path / "masks/x").mkdir(parents=True, exist_ok=True)
        photo = rng.integers(0, 255, (40, 60, 3)).astype(np.uint8)
        cv2.imwrite(str(tmp_path / f"photos/x/{name}.jpg"), photo)
        if name in sizes:
            mask = rng.integers(0, 256, sizes[name]).astype(np.uint8)
            cv2.imwrite(str(tmp_path / f"masks/x/{name}.png"), mask)
    return tmp_path


def make(place: Path, given: str, output: str = "shards", **options: Any) -> Outcome:
    values = {"dataset": "folder", "input": place / "photos", "output": place / output, "method": "files"}
    return run(**{**values, "masks": place / given, "workers": 1, "max_failures": "0", **options})


def reasons(folder: Path) -> dict[str, str]:
    return {row["key"]: row["error"].partition(":")[0] for row in failures(folder)}


def test_masks_come_out_as_they_went_in_and_what_does_not_fit_is_quarantined(place: Path) -> None:
    outcome = make(place, "masks")
    assert outcome.exit_code == 1
    assert reasons(place / "shards") == {"x_c": "other-size", "x_d": "no-mask"}
    (lost,) = (row["error"] for row in failures(place / "shards") if row["key"] == "x_d")
    assert lost == "no-mask: none for the path x/d.jpg nor the key x_d"
    reader = MaskReader(place / "shards")
    given = cv2.imread(str(place / "masks/x/a.png"), cv2.IMREAD_GRAYSCALE)
    assert (reader["x_a"] == given).all()
    assert reader["x_b"].shape == (40, 60)
    assert "1 mask had another size than its photo, and was resized" in outcome.notes


def test_a_photo_without_a_mask_may_get_an_empty_one(place: Path) -> None:
    make(place, "masks", missing="empty")
    assert reasons(place / "shards") == {"x_c": "other-size"}
    assert not MaskReader(place / "shards")["x_d"].any()


def test_shards_of_shards_have_the_same_masks_and_know_whose_they_are(place: Path) -> None:
    make(place, "masks", method="mr", masks="")
    outcome = make(place, "shards", "again")
    assert outcome.exit_code == 0
    first, second = MaskReader(place / "shards"), MaskReader(place / "again")
    assert [key for key, _ in first] == [key for key, _ in second]
    for key, mask in first:
        assert (mask == second[key]).all()
        assert (first.hard(key) == second.hard(key)).all()  # cut where mr cuts
    facts = json.loads((place / "again/manifest.json").read_text())["identity"]
    assert facts["masks"] == look_at(str(place / "shards")).identity
    assert facts["masks"]["method"] == "mr"


def test_other_masks_are_another_configuration_and_another_place_is_not(place: Path) -> None:
    make(place, "masks")
    shutil.copytree(place / "masks", place / "moved")
    assert make(place, "moved").progress.resumed == 4
    cv2.imwrite(str(place / "moved/x/d.png"), np.zeros((40, 60), np.uint8))
    with pytest.raises(UsageError, match=r"masks\.sha256"):
        make(place, "moved")


def test_a_run_without_given_masks_has_the_fingerprint_of_before(place: Path) -> None:
    make(place, "masks", method="box", masks="", missing="quarantine")
    identity = json.loads((place / "shards/manifest.json").read_text())["identity"]
    assert "missing" not in identity["options"]
    assert "masks" not in identity


def test_stored_smaller_photos_have_masks_as_small(place: Path) -> None:
    outcome = make(place, "masks", short_side=20)
    reader = MaskReader(place / "shards")
    assert [reader[key].shape for key in ("x_a", "x_b")] == [(20, 30), (20, 30)]
    assert (reader["x_b"] == cv2.imread(str(place / "masks/x/b.png"), cv2.IMREAD_GRAYSCALE)).all()
    assert len([note for note in outcome.notes if "resized" in note]) == 1


def test_real_coco_objects_come_out_as_drawn(shared_data: Path, tmp_path: Path) -> None:
    mask = pytest.importorskip("pycocotools.mask")
    annotations = next((shared_data / "coco_tiny_160").rglob("instances_*.json"))
    found = open_given(look_at(str(annotations)))
    raw = json.loads(annotations.read_text())
    checked = 0
    for image in raw["images"][:20]:
        own = [one for one in raw["annotations"] if one["image_id"] == image["id"] and not one["iscrowd"]]
        answer = found(SampleId("", None, f"train2017/{image['file_name']}"))
        assert answer is not None
        shape = (image["height"], image["width"])
        wanted = np.zeros(shape, bool)
        for one in own:
            wanted |= mask.decode(mask.merge(mask.frPyObjects(one["segmentation"], *shape))).astype(bool)
        assert ((answer.levels == 255) == wanted).all()
        checked += bool(own)
    assert checked >= 10
    assert not list(tmp_path.iterdir())
