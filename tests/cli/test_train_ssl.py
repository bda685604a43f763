"""`train-ssl` as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from maskgen.errors import EXIT_ENVIRONMENT, EXIT_USAGE
from maskgen.trainers.presets import PRESETS
from maskgen.trainers.settings import read_config

Call = Callable[..., tuple[int, str, str]]
TrainWords = Callable[..., list[str]]


@pytest.mark.slow
@pytest.mark.parametrize("module", ["torch", "nvidia", "cv2", "pyarrow"])
def test_help_imports_nothing_heavy(module: str) -> None:
    code = (
        f"import sys; from maskgen.cli.train_ssl import train; sys.argv = ['train-ssl', '--help']\n"
        f"try: train()\nexcept SystemExit: pass\nassert {module!r} not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "knn-moco" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("module", ["torch", "nvidia", "cv2", "pyarrow", "scipy"])
def test_listing_presets_imports_nothing_heavy(module: str) -> None:
    code = (
        f"import sys; from maskgen.cli.train_ssl import train; sys.argv = ['train-ssl', 'presets']\n"
        f"try: train()\nexcept SystemExit: pass\nassert {module!r} not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "bg-swaps-220" in done.stdout


def test_presets_are_listed_with_their_papers(call_tool: Call) -> None:
    status, out, _ = call_tool("train-ssl", "presets")
    assert status == 0
    assert len(out.splitlines()) == sum(len(named) for named in PRESETS.values())
    status, out, _ = call_tool("train-ssl", "presets", "cast", "coco-200")
    assert "clip_norm = 2.0" in out
    assert "# fingerprint " in out
    status, _, err = call_tool("train-ssl", "presets", "byoll")
    assert status == EXIT_USAGE
    assert "did you mean 'byol'" in err


def test_the_columns_of_the_presets_stand_below_each_other(call_tool: Call) -> None:
    lines = call_tool("train-ssl", "presets")[1].splitlines()
    assert len({line.index(" epochs  ") for line in lines}) == 1


def test_a_missing_preset_says_where_their_names_are(call_tool: Call) -> None:
    status, _, err = call_tool("train-ssl", "byol", "--data", "shards", "--output", "run")
    assert status == EXIT_USAGE
    assert "'--preset'" in err
    assert "see `train-ssl presets`" in err


@pytest.mark.parametrize("inside", ["", "records"])
def test_wrong_data_are_refused_before_anything_heavy_loads(
    call_tool: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)  # to import it is an error
    words = ["byol", "--preset", "smoke", "--data", tmp_path / "photos", "--output", tmp_path / "run"]
    if inside:
        (tmp_path / "photos" / inside).mkdir(parents=True)
    status, _, err = call_tool("train-ssl", *words)
    assert status == 1
    assert ("no manifest.json here" if inside else "no such folder") in err
    assert ("for plain photos, without masks: --data folder:" in err) == bool(inside)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_leaves_its_configuration_metrics_checkpoint_and_backbone(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "backbone.safetensors",
        "checkpoints",
        "config.json",
        "metrics.jsonl",
    ]
    config = read_config(trained)
    assert config["preset"]["batch_size"] == 18
    assert config["precision"] == "fp32"


@pytest.mark.slow
def test_the_resolved_configuration_is_printed(
    shards: Path, tmp_path: Path, call_tool: Call, train_words: TrainWords
) -> None:
    status, out, _ = call_tool("train-ssl", *train_words(shards, tmp_path / "run"))
    assert status == 0
    assert "batch_size = 18  # set by you" in out
    assert "precision = auto" in out
    assert "step 3  epoch 1.00  loss " in out


@pytest.mark.slow
def test_a_finished_run_has_nothing_to_do(
    trained: Path, shards: Path, call_tool: Call, train_words: TrainWords
) -> None:
    before = (trained / "metrics.jsonl").read_text().splitlines()
    status, _, err = call_tool("train-ssl", *train_words(shards, trained))
    assert status == 0
    assert "already done: step 3 of 3" in err
    assert f"done, the backbone is {trained / 'backbone.safetensors'}" in err
    after = (trained / "metrics.jsonl").read_text().splitlines()
    assert after[: len(before)] == before
    assert all("loss" not in json.loads(line) for line in after[len(before) :])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--set", "lr=0.2"], "preset.lr: 0.05 -> 0.2"),
        (["--seed", "4"], "seed: 0 -> 4"),
        (["--precision", "bf16"], "precision: 'fp32' -> 'bf16'"),
        (["--set", "view_px=48"], "preset.views.views.0.size: 32 -> 48"),
    ],
)
def test_another_configuration_is_refused_by_its_differences(
    more: list[str], told: str, trained: Path, shards: Path, call_tool: Call, train_words: TrainWords
) -> None:
    status, _, err = call_tool("train-ssl", *train_words(shards, trained, *more))
    assert status == EXIT_USAGE
    assert told in err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--set", "lrr=0.2"], "did you mean 'lr'?\n"),
        (["--set", "LR=0.2"], "did you mean 'lr'?\n"),
        (["--set", "batch_size=1000"], "Next: --set batch_size=54, or fewer ranks.\n"),
        (["--shuffle", "shards:0"], "Next: --shuffle global, or --shuffle shards:16.\n"),
        (["--data", "s3://bucket/shards"], "Next: --cache /local/disk/folder.\n"),
        (["--photos", "originals"], "Next: no --photos.\n"),
        (["--set", "lr"], "--set takes name=value"),
        (["--set", "queue=5"], "simsiam does not use it"),
        (["--resume", "never"], "holds a run already"),
        (["--preset", "smok"], "did you mean 'smoke'"),
        (["--accumulate", "4"], "does not divide"),
    ],
)
def test_mistakes_are_named(
    more: list[str], told: str, trained: Path, shards: Path, call_tool: Call, train_words: TrainWords
) -> None:
    status, _, err = call_tool("train-ssl", *train_words(shards, trained, *more))
    assert status == EXIT_USAGE
    assert told in err


@pytest.mark.parametrize(
    ("method", "change", "told"),
    [
        ("mocov2", "queue=0", "queue must be at least 1"),
        ("knn-moco", "queue=0", "queue must be at least 1"),
        ("cast", "queue=0", "queue must be at least 1"),
        ("simsiam", "recipe=supervised", "simsiam compares 2 views"),
        ("msr", "recipe=simclr", "it does not make weak, which msr needs"),
        ("cast", "recipe=mocov2", "it does not make cam_masks and masked, which cast needs"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_anything_is_made(
    method: str,
    change: str,
    told: str,
    shards: Path,
    tmp_path: Path,
    call_tool: Call,
    train_words: TrainWords,
) -> None:
    arguments = [method, *train_words(shards, tmp_path / "run")[1:], "--set", change]
    status, _, err = call_tool("train-ssl", *arguments)
    assert status == EXIT_USAGE
    assert told in err
    assert not (tmp_path / "run").exists()


def test_a_gpu_that_is_not_there_is_an_environment_fault(
    shards: Path, tmp_path: Path, call_tool: Call, train_words: TrainWords
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    status, out, err = call_tool("train-ssl", *train_words(shards, tmp_path / "run", "--device", "cuda"))
    assert status == EXIT_ENVIRONMENT
    assert "no GPU" in err
    assert not out  # the settings are told when the run begins
    assert "Next: --device cpu, or fewer processes.\n" in err
    assert not (tmp_path / "run").exists()


def test_export_says_what_it_wrote(trained: Path, tmp_path: Path, call_tool: Call) -> None:
    target = tmp_path / "new" / "b.safetensors"
    status, out, _ = call_tool("train-ssl", "export", "--checkpoint", str(trained), "--output", str(target))
    assert status == 0
    assert "tiny" in out
    assert target.exists()
    wrong = ["export", "--checkpoint", str(trained), "--output", str(target), "--format", "detectron2"]
    status, _, err = call_tool("train-ssl", *wrong)
    assert status == EXIT_USAGE
    assert ".pth" in err


@pytest.mark.slow
def test_plain_photos_are_trained_on_and_judged(photo_folder: Path, tmp_path: Path, call_tool: Call) -> None:
    where = ["--data", f"folder:{photo_folder}", "--output", str(tmp_path / "run")]
    words = [*where, "--preset", "smoke", "--set", "epochs=1", "--set", "batch-size=18", "--knn-every", "1"]
    status, out, err = call_tool("train-ssl", "simsiam", *words)
    assert status == 0
    assert "knn" in out
    assert "done, the backbone is" in err
    assert "already done" in call_tool("train-ssl", "simsiam", *words)[2]
    common = ["--checkpoint", str(tmp_path / "run"), "--data", str(photo_folder), "--output", str(tmp_path)]
    assert call_tool("eval-ssl", "knn", *common, "--side", "32", "--k", "5")[0] == 0


def test_a_method_that_needs_masks_is_refused_on_plain_photos(
    photo_folder: Path, tmp_path: Path, call_tool: Call
) -> None:
    where = ["--data", f"folder:{photo_folder}", "--output", str(tmp_path / "run")]
    status, _, err = call_tool("train-ssl", "cast", *where, "--preset", "smoke")
    assert status == EXIT_USAGE
    assert "the recipe needs masks" in err
    assert not (tmp_path / "run").exists()
    status, _, err = call_tool("train-ssl", "simsiam", *where, "--preset", "smoke", "--cam-every", "1")
    assert status == EXIT_USAGE
    assert "no masks that an encoder could be held against" in err
    assert not (tmp_path / "run").exists()
    status, _, err = call_tool("train-ssl", "simsiam", "--data", "pest:/x", *where[2:], "--preset", "smoke")
    assert status == EXIT_USAGE
    assert "did you mean 'pets'" in err
