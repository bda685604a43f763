"""`maskgen deepusps` as a user meets it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner, Result

from maskgen.cli.app import cli
from maskgen.cli.deepusps import command, describe_progress
from maskgen.errors import UsageError
from maskgen.pipelines.distill.progress import Progress
from maskgen.pipelines.distill.run import STEPS
from maskgen.pipelines.distill.settings.presets import SHOWN
from maskgen.pipelines.distill.settings.settings import DATASETS


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["deepusps", *arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def discs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("discs")
    for number in range(6):
        photo = np.random.default_rng(number).integers(40, 90, (70, 90, 3)).astype(np.uint8)
        cv2.circle(photo, (45, 35), 12 + 2 * number, (30, 200, 240), -1)
        (folder / f"{number}.jpg").write_bytes(cv2.imencode(".jpg", photo)[1].tobytes())
    (folder / "broken.jpg").write_bytes(b"")
    return folder


def test_every_step_is_a_command_and_help_names_what_there_is() -> None:
    assert set(command.commands) == {"run", *STEPS, "status", "report"}
    text = invoke("run", "--help").output
    for word in (*SHOWN, *DATASETS, "--input", "--init", "--set", "--keep-networks"):
        assert word in text


def test_help_pulls_neither_torch_nor_zarr() -> None:
    code = (
        "import sys; from maskgen.cli.app import cli\n"
        "cli.main(['deepusps', 'run', '--help'], standalone_mode=False)\n"
        "sys.exit(bool({'torch', 'zarr', 'numpy', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.slow
def test_from_photos_to_shards(discs: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    work = tmp_path / "work"
    options = ("--input", str(discs), "--output", str(work), "--preset", "test", "--workers", "1")
    done = invoke("photos", *options)
    assert done.exit_code == 0
    assert "photos: 6 photos, 1 skipped" in done.stderr
    facts = json.loads(invoke("status", str(work), "--json").stdout)
    assert facts["steps"] == {"photos": True, "priors": False, "train": False, "fuse": False, "export": False}
    assert [one["path"] for one in facts["skipped"]] == ["broken.jpg"]
    done = invoke("run", *options, "--threads", "1", "--json")
    assert done.exit_code == 0, done.stderr
    assert json.loads(done.stdout)["complete"]
    told = invoke("status", str(work)).stdout
    assert "export done" in told
    assert "broken.jpg: " in told
    assert "2/2" in told
    for name in ("report.html", "sheet.jpg", "deepusps.safetensors", "deepusps.json"):
        assert (work / name).stat().st_size > 500
    again = invoke("run", "--output", str(work), "--threads", "1", "--workers", "1")
    assert again.exit_code == 0
    target = tmp_path / "mine.safetensors"
    assert invoke("export", str(work), "--output", str(target)).stdout.strip() == str(target)
    assert target.read_bytes() == (work / "deepusps.safetensors").read_bytes()
    options = ("--input", str(discs), "--output", str(tmp_path / "shards"), "--workers", "1")
    command_line = ["run", "--dataset", "folder", *options, "--method", "deepusps", "--weights", str(target)]
    made = CliRunner().invoke(cli, [*command_line, "--max-failures", "1"], catch_exceptions=False)
    assert made.exit_code == 0, made.stderr
    assert "6 samples" in made.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--preset", "fsat"), "did you mean 'fast'"),
        (("--preset", "relicv2"), "--init FILE"),
        (("--init", "absent.pt"), "not there"),
        (("--set", "fusion.lr"), "name=value"),
        (("--set", "network=resnet9000"), "unknown network"),
        (("--images", "5", "--set", "rounds.epochs=1"), "would leave no labels"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_made(
    options: tuple[str, ...], words: str, discs: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    with pytest.raises(UsageError) as refusal:
        invoke("run", "--input", str(discs), "--output", str(tmp_path / "work"), "--preset", "test", *options)
    assert words in str(refusal.value)
    assert refusal.value.exit_code == 2
    assert not (tmp_path / "work").exists()


def test_no_input_and_no_training_are_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs --input"):
        invoke("run", "--output", str(tmp_path / "work"))
    for step in ("priors", "train", "fuse", "export", "status", "report"):
        with pytest.raises(UsageError, match="no training is in this folder"):
            invoke(step, str(tmp_path))


@pytest.mark.slow
def test_changed_options_are_refused_with_each_difference(discs: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    work = str(tmp_path / "work")
    invoke("photos", "--input", str(discs), "--output", work, "--preset", "test", "--workers", "1")
    with pytest.raises(UsageError, match=r"preset\.images: 6 -> 5\n\s+seed: 0 -> 7"):
        invoke(
            "run", "--input", str(discs), "--output", work, "--preset", "test", "--seed", "7", "--images", "5"
        )


def test_progress_says_step_unit_and_time_left() -> None:
    at = Progress("train", "rbd, round 2 of 3", 12, 120, "epochs", 540.0, "loss 0.412")
    assert describe_progress(at) == "train: 12/120 epochs, rbd, round 2 of 3, 9 min left, loss 0.412"
    assert describe_progress(Progress("photos", "", 0, 6, "photos", None)) == "photos: 0/6 photos"


@pytest.mark.slow
def test_real_photos_from_two_places(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    places = [str(shared_data / name) for name in ("msra1000_images", "imagenet_sample_1000")]
    work = tmp_path / "work"
    done = invoke(
        "run",
        "--input",
        places[0],
        "--input",
        places[1],
        "--output",
        str(work),
        "--preset",
        "test",
        "--workers",
        "1",
        "--threads",
        "1",
        "--images",
        "8",
    )
    assert done.exit_code == 0, done.stderr
    facts = json.loads((work / "deepusps.json").read_text())
    assert len(facts["photos"]) == 8
    assert {photo["input"] for photo in facts["photos"]} == {0, 1}
    shutil.rmtree(work)
