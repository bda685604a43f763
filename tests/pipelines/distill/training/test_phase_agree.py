"""What a round's own masks say about the labels that it has learned from."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from kills import do, request
from student_kit import save_classifier

from maskgen.pipelines.distill.data.teachers import overlaps
from maskgen.pipelines.distill.run import begin
from maskgen.pipelines.distill.training.phase import mix_labels


def test_overlap_is_counted_pixels() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 256, (2, 5, 6, 7), dtype=np.uint8)
    one[4] = other[4] = 90  # both empty
    wanted = []
    for x, y in zip(one, other, strict=True):
        a, b = {*np.flatnonzero(x >= 128)}, {*np.flatnonzero(y >= 128)}
        wanted.append(len(a & b) / len(a | b) if a | b else 1.0)
    assert overlaps(one, other).tolist() == pytest.approx(wanted)


def test_labels_are_mixed_by_the_share_of_the_students() -> None:
    maps = np.array([[[[200]], [[0]]]], np.uint8)  # one photo, two teachers, one pixel
    found = np.array([[[100]]], np.uint8)
    assert mix_labels(maps, found, 0.25).tolist() == [[[[175]]], [[[25]]]]
    assert mix_labels(maps, found, 0.0)[:, 0].tolist() == maps[0].tolist()


def test_photos_on_which_two_teachers_disagree_are_left_out(discs: Path, tmp_path: Path) -> None:
    """One teacher has each photo's left half, the other the same, but for one photo its right half."""
    for teacher in ("one", "other"):
        (tmp_path / teacher).mkdir()
        for photo in discs.glob("*.jpg"):
            mask = np.zeros((64, 64), np.uint8)
            mask[:, slice(32, None) if (teacher, photo.stem) == ("other", "a5") else slice(32)] = 255
            (tmp_path / teacher / f"{photo.stem}.png").write_bytes(cv2.imencode(".png", mask)[1].tobytes())
    teachers = tuple(f"files={tmp_path / teacher}" for teacher in ("one", "other"))
    left_out = {}
    for least in ("0", "0.5"):
        output = tmp_path / f"work{least}"
        start = save_classifier(tmp_path / "lite0.pth")
        changes = (f"agree={least}", "images=20", "held=0.1")
        begin(
            request(
                output,
                discs,
                preset="test-student",
                teachers=teachers,
                init=str(start),
                changes=changes,
            )
        )
        work = do(output, ("photos", "priors"))
        record, drawn = work.record("priors") or {}, (work.record("photos") or {})["photos"]
        paths = [one["path"] for one in drawn]
        left_out[least] = [paths[number] for number in record["disputed"]]
        assert {*record["kept"], *record["held"], *record["disputed"]} == {*range(len(paths))}
        assert not {*record["kept"]} & {*record["disputed"]}
    assert left_out == {"0": [], "0.5": ["a5.jpg"]}
