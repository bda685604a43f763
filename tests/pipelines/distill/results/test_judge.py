"""A student against its teachers on photos that it has not seen."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from maskgen.errors import MaskgenError
from maskgen.methods import MethodOptions, make_method
from maskgen.pipelines.distill.data import photos, priors
from maskgen.pipelines.distill.results.judge import JUDGED, judge
from maskgen.pipelines.distill.settings.settings import read_settings
from maskgen.pipelines.distill.work_folder import WorkFolder

pytestmark = pytest.mark.slow


def test_the_overlap_is_that_counted_by_hand_on_the_photos_held_back(taught: Path) -> None:
    work = WorkFolder(taught)
    found = work.record(JUDGED) or {}
    held = (work.record(priors.RECORD) or {})["held"]
    assert held
    assert not set(held) & set((work.record(priors.RECORD) or {})["kept"])
    student = make_method("student", MethodOptions(weights=str(taught / "networks" / "fusion.safetensors")))
    values = []
    for row in held:
        mask = student(work.store.read(photos.ARRAY)[row])
        maps = priors.stack_maps(work, ("mr", "rbd"), row + 1)[row].astype(float).mean(0) / 255
        both, either = ((mask > 0.5) & (maps > 0.5)).sum(), ((mask > 0.5) | (maps > 0.5)).sum()
        values.append(both / either if either else 1.0)
    assert found["iou"] == pytest.approx(np.mean(values), abs=0.01)
    assert found["photos"] == len(held)
    assert set(found["teachers"]) == {"mr", "rbd"}
    assert set(found["seconds"]) <= {"student", "mr", "rbd"}


def test_a_student_below_the_bound_is_refused_with_its_worst_photos(taught: Path, tmp_path: Path) -> None:
    work = WorkFolder(Path(shutil.copytree(taught, tmp_path / "work")))
    settings = read_settings(work)
    found = judge(work, settings, 0.0)
    work.commit(JUDGED, {**found, "iou": 0.4})
    with pytest.raises(MaskgenError, match=r"overlap with its teachers' by 0\.400 only") as caught:
        judge(work, settings, 0.5)
    assert found["worst"][0]["path"] in f"{caught.value.cause}"
    assert judge(work, settings, 0.4)["iou"] == 0.4
