"""A student taught from its photos to its files: resumed to the same bytes, and what its files say."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from kills import do, hashes, killed

from maskgen.methods import MethodOptions, make_method
from maskgen.methods.networks.onnx.declaration import Declaration, NetworkOutput
from maskgen.methods.networks.student.method import student_input
from maskgen.pipelines.distill.run import STEPS
from maskgen.pipelines.distill.work_folder import WorkFolder

pytestmark = pytest.mark.slow

LEARNING = STEPS[: STEPS.index("export")]


@pytest.mark.parametrize(("call", "after"), [(4, False), (6, True)])
def test_stopped_around_a_record_it_ends_with_the_same_bytes(
    call: int, after: bool, taught: Path, tmp_path: Path
) -> None:
    work = Path(shutil.copytree(taught, tmp_path / "work"))
    for path in [*(work / "records").iterdir(), *work.glob("student.*"), *(work / "networks").iterdir()]:
        path.unlink()
    shutil.rmtree(work / "store.zarr")
    with killed(WorkFolder, "commit", call, after=after):
        do(work, LEARNING)
    do(work, LEARNING)
    mine = hashes(work)
    wanted = {name: sha256 for name, sha256 in hashes(taught).items() if name in mine}
    assert mine == wanted
    assert "networks/fusion.safetensors" in mine


def test_the_files_say_what_they_were_made_of_and_give_one_mask(taught: Path, discs: Path) -> None:
    facts = json.loads((taught / "student.json").read_text())
    weights = (taught / "student.safetensors").read_bytes()
    assert facts["weights"]["sha256"] == hashlib.sha256(weights).hexdigest()
    assert {one["sha256"] for one in facts["photos"]}.isdisjoint(one["sha256"] for one in facts["held"])
    assert len(facts["held"]) == 2  # .3 of six photos, rounded
    photo = np.ascontiguousarray(cv2.imread(str(discs / "a0.jpg"))[..., ::-1])
    weights, model = str(taught / "student.safetensors"), str(taught / "student.onnx")
    declared = Declaration(student_input(MethodOptions(weights=weights)), NetworkOutput(0)).render()
    masks = [
        make_method("student", MethodOptions(weights=weights, runtime="onnxruntime"))(photo),
        make_method("onnx", MethodOptions(weights=model, network=declared, runtime="onnxruntime"))(photo),
    ]
    np.testing.assert_allclose(masks[0], masks[1], atol=1e-4)


def test_what_is_exported_is_the_surer_by_the_factor(taught: Path, discs: Path) -> None:
    sharpen = json.loads((taught / "student.json").read_text())["preset"]["sharpen"]
    assert sharpen > 1
    photo = np.ascontiguousarray(cv2.imread(str(discs / "a0.jpg"))[..., ::-1])
    learned, exported = (
        make_method("student", MethodOptions(weights=str(path)))(photo).astype(float)
        for path in (taught / "networks" / "fusion.safetensors", taught / "student.safetensors")
    )
    assert np.ptp(learned) > 1e-3, "a map that says something"
    assert np.array_equal(learned > 0.5, exported > 0.5)
    logits = np.log(learned / (1 - learned))
    np.testing.assert_allclose(exported, 1 / (1 + np.exp(-sharpen * logits)), atol=5e-3)  # half precision
