"""`maskgen distill` as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result
from student_kit import save_classifier

from maskgen.cli.app import cli
from maskgen.errors import MaskgenError, UsageError
from maskgen.pipelines.distill.settings.presets import SHOWN_TAUGHT

TINY = ("--preset", "test-student", "--teacher", "mr", "--workers", "1", "--threads", "1")


def invoke(*arguments: str | Path) -> Result:
    words = ["distill", *(str(one) for one in arguments)]
    return CliRunner().invoke(cli, words, catch_exceptions=False)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number in range(6):
        photo = np.random.default_rng(number).integers(40, 90, (70, 90, 3)).astype(np.uint8)
        cv2.circle(photo, (45, 35), 12 + 2 * number, (30, 200, 240), -1)
        (folder / f"{number}.jpg").write_bytes(cv2.imencode(".jpg", photo)[1].tobytes())
    return folder


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("torch")
    return save_classifier(tmp_path_factory.mktemp("classifier") / "lite0.pth")


def test_help_names_what_there_is() -> None:
    text = invoke("--help").output
    for word in (*SHOWN_TAUGHT, "--teacher", "--init", "--min-iou", "lite0"):
        assert word in text


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "--teacher vote needs nothing more"),
        (("--teacher", "vot"), "did you mean 'vote'"),
        (("--teacher", "student"), "--teacher student=FILE"),
        (("--teacher", "u2netp=absent.pth"), "no such weights file"),
        (("--teacher", "files=absent"), "files=FOLDER"),
        (("--teacher", "mr", "--preset", "fast"), "unknown preset 'fast'"),
        (("--teacher", "mr", "--preset", "nosy"), "did you mean 'noisy'"),
        (("--teacher", "mr", "--student", "lite9"), "lite9"),
        (("--teacher", "mr", "--init", "absent.pth"), "not there"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_made(
    options: tuple[str, ...], words: str, photos: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    with pytest.raises(UsageError) as refusal:
        invoke("--input", photos, "--output", tmp_path / "work", *options)
    assert words in str(refusal.value)
    assert refusal.value.exit_code == 2
    assert not (tmp_path / "work").exists()


@pytest.mark.slow
def test_weights_of_something_else_are_no_beginning(photos: Path, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "w.pth")
    with pytest.raises(UsageError, match="not those of a classifier EfficientNet-lite0"):
        invoke("--input", photos, "--output", tmp_path / "work", *TINY, "--init", tmp_path / "w.pth")
    assert not (tmp_path / "work").exists()


@pytest.mark.slow
def test_from_photos_to_a_student_and_its_masks(photos: Path, classifier: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    words = ("--input", photos, "--output", work, *TINY, "--init", classifier)
    with pytest.raises(MaskgenError, match="--min-iou asks for 1") as refusal:
        invoke(*words, "--min-iou", "1")
    assert refusal.value.exit_code == 1
    assert "2 photos held back" in str(refusal.value)
    assert not (work / "student.safetensors").exists()
    done = invoke("--output", work, "--workers", "1", "--threads", "1", "--json")  # the training is kept
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["complete"]
    assert "IoU with the teachers" in done.stderr
    for name in ("report.html", "sheet.jpg", "student.safetensors", "student.json"):
        assert (work / name).stat().st_size > 500
    weights = (work / "student.safetensors").read_bytes()
    again = invoke(*words)
    assert again.exit_code == 0
    assert "--method student --weights" in again.stdout
    assert (work / "student.safetensors").read_bytes() == weights
    options = ("--input", str(photos), "--output", str(tmp_path / "shards"), "--workers", "1")
    method = ("--method", "student", "--weights", str(work / "student.safetensors"), "--runtime", "torch")
    made = CliRunner().invoke(cli, ["run", "--dataset", "folder", *options, *method], catch_exceptions=False)
    assert made.exit_code == 0, made.stderr
    assert "6 samples" in made.stdout
    with pytest.raises(UsageError, match=r"seed: 0 -> 7"):
        invoke(*words, "--seed", "7")
