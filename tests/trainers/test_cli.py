from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from maskgen.cli.eval_ssl import eval_cli
from maskgen.cli.terminal import run_command
from maskgen.cli.train_ssl import train_cli
from maskgen.errors import EXIT_ENVIRONMENT, EXIT_FAULTS, EXIT_USAGE
from maskgen.trainers.presets import PRESETS
from maskgen.trainers.settings import claim, read_config
from maskgen.trainers.training import checkpoint


def call(capsys: pytest.CaptureFixture[str], tool: str, *arguments: str) -> tuple[int, str, str]:
    """Exit status, stdout and stderr of a command in this process."""
    command = {"train-ssl": train_cli, "eval-ssl": eval_cli}[tool]
    with pytest.raises(SystemExit) as end:
        run_command(command, tool, list(arguments))
    said = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, said.out, said.err


@pytest.fixture(scope="module")
def trained(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of one epoch."""
    output = tmp_path_factory.mktemp("cli") / "run"
    with pytest.raises(SystemExit) as end:
        run_command(train_cli, "train-ssl", _arguments(shards, output))
    assert end.value.code == 0
    return output


def _arguments(shards: Path, output: Path, *more: str) -> list[str]:
    places = ["--data", str(shards), "--output", str(output), "--loader", "torch"]
    return ["simsiam", *places, "--preset", "smoke", "--set", "epochs=1", "--set", "batch-size=18", *more]


@pytest.mark.parametrize("module", ["torch", "nvidia", "cv2", "pyarrow"])
def test_help_imports_nothing_heavy(module: str) -> None:
    code = f"import sys; from maskgen.cli.train_ssl import train; sys.argv = ['train-ssl', '--help']\ntry: train()\nexcept SystemExit: pass\nassert {module!r} not in sys.modules"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "knn-moco" in done.stdout


@pytest.mark.parametrize("module", ["torch", "nvidia", "cv2", "pyarrow", "scipy"])
def test_listing_presets_imports_nothing_heavy(module: str) -> None:
    code = f"import sys; from maskgen.cli.train_ssl import train; sys.argv = ['train-ssl', 'presets']\ntry: train()\nexcept SystemExit: pass\nassert {module!r} not in sys.modules"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "bg-swaps-220" in done.stdout


def test_presets_are_listed_with_their_papers(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = call(capsys, "train-ssl", "presets")
    assert status == 0
    assert len(out.splitlines()) == sum(len(named) for named in PRESETS.values())
    status, out, _ = call(capsys, "train-ssl", "presets", "cast", "coco-200")
    assert "clip_norm = 2.0" in out
    assert "# fingerprint " in out
    status, _, err = call(capsys, "train-ssl", "presets", "byoll")
    assert status == EXIT_USAGE
    assert "did you mean 'byol'" in err


def test_a_run_leaves_its_configuration_metrics_checkpoint_and_backbone(trained: Path) -> None:
    assert sorted(path.name for path in trained.iterdir()) == [
        "backbone.safetensors", "checkpoints", "config.json", "metrics.jsonl",
    ]  # fmt: skip
    config = read_config(trained)
    assert config["preset"]["batch_size"] == 18
    assert config["precision"] == "fp32"


def test_the_resolved_configuration_is_printed(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = call(capsys, "train-ssl", *_arguments(shards, tmp_path / "run"))
    assert status == 0
    assert "batch_size = 18  # set by you" in out
    assert "precision = auto" in out
    assert "step 3  epoch 1.00  loss " in out


def test_a_finished_run_has_nothing_to_do(
    trained: Path, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (trained / "metrics.jsonl").read_text().splitlines()
    status, _, err = call(capsys, "train-ssl", *_arguments(shards, trained))
    assert status == 0
    assert "already done: step 3 of 3" in err
    after = (trained / "metrics.jsonl").read_text().splitlines()
    assert after[: len(before)] == before
    assert all("loss" not in json.loads(line) for line in after[len(before) :])


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
    more: list[str], told: str, trained: Path, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = call(capsys, "train-ssl", *_arguments(shards, trained, *more))
    assert status == EXIT_USAGE
    assert told in err


@pytest.mark.parametrize(
    ("more", "told"),
    [
        (["--set", "lrr=0.2"], "did you mean 'lr'?\n"),
        (["--set", "LR=0.2"], "did you mean 'lr'?\n"),
        (["--set", "batch_size=1000"], "Next: --set batch_size=<smaller>, or fewer ranks.\n"),
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
    more: list[str], told: str, trained: Path, shards: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, _, err = call(capsys, "train-ssl", *_arguments(shards, trained, *more))
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
    method: str, change: str, told: str, shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [method, *_arguments(shards, tmp_path / "run")[1:], "--set", change]
    status, _, err = call(capsys, "train-ssl", *arguments)
    assert status == EXIT_USAGE
    assert told in err
    assert not (tmp_path / "run").exists()


def test_a_gpu_that_is_not_there_is_an_environment_fault(
    shards: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    status, _, err = call(capsys, "train-ssl", *_arguments(shards, tmp_path / "run", "--device", "cuda"))
    assert status == EXIT_ENVIRONMENT
    assert "no GPU" in err
    assert "Next: --device cpu, or fewer processes.\n" in err
    assert not (tmp_path / "run").exists()


def test_a_foreign_folder_and_an_edited_configuration_are_refused(tmp_path: Path) -> None:
    from maskgen.errors import UsageError

    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds no run"):
        claim(tmp_path, {"seed": 0})
    assert not claim(tmp_path / "new", {"seed": 0})
    assert claim(tmp_path / "new", {"seed": 0})
    file = tmp_path / "new" / "config.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(UsageError, match="changed by hand"):
        claim(tmp_path / "new", {"seed": 1})


def test_knn_and_linear_from_the_command_line(
    trained: Path, shards: Path, photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--checkpoint", str(trained), "--output", str(tmp_path)]
    status, out, _ = call(capsys, "eval-ssl", "knn", *common, "--data", str(shards), "--k", "5,10")
    assert status == 0
    result = json.loads((tmp_path / "knn.json").read_text())
    assert f"knn_5              {result['knn_5']:.4f}" in out
    assert result["test"] == "leave one out"
    assert result["knn_5"] > 0.5  # of three classes; colours alone tell most
    linear = ["linear", *common, "--data", str(photo_folder), "--epochs", "4", "--lr", "0.1,1"]
    status, _, err = call(capsys, "eval-ssl", *linear, "--views", "2", "--head-batch", "8")
    assert status == 0
    assert "epoch 4/4" in err
    found = json.loads((tmp_path / "linear.json").read_text())
    assert found["lr"] in (0.1, 1)
    assert set(found["chosen_by"]) == {"0.1", "1"}
    assert (found["images"], found["test_images"], found["top5"]) == (39, 11, 1.0)
    assert (
        len(list((tmp_path / "features").glob("*.npy"))) == 1 + 2 + 2
    )  # knn, held-out and chosen-on, passes


def test_some_of_the_classes_are_tested_by_their_names(
    trained: Path, photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each test image is a training image, so that its nearest is itself, whatever the network."""
    shutil.copytree(photo_folder / "coffee", tmp_path / "test" / "coffee")
    knn = ["knn", "--checkpoint", str(trained), "--output", str(tmp_path / "out"), "--k", "1"]
    places = ["--data", str(photo_folder), "--test", str(tmp_path / "test")]
    assert call(capsys, "eval-ssl", *knn, *places)[0] == 0
    assert json.loads((tmp_path / "out" / "knn.json").read_text())["knn_1"] == 1.0
    (tmp_path / "test" / "coffee").rename(tmp_path / "test" / "tea")
    status, _, err = call(capsys, "eval-ssl", *knn, *places)
    assert status == EXIT_USAGE
    assert "the training images lack, tea" in err


def spoilt(trained: Path, folder: Path, name: str, value: float) -> Path:
    """The run's checkpoint with one tensor of its backbone set to a value."""
    state = checkpoint.load(checkpoint.path_of(trained / "checkpoints", 3))
    state["method"][f"backbone.{name}"].fill_(value)
    return checkpoint.save(folder, 3, {key: value for key, value in state.items() if key != "version"})


def test_features_and_weights_that_are_no_numbers_are_refused(
    trained: Path, photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = checkpoint.load(checkpoint.path_of(trained / "checkpoints", 3))["method"]
    name = next(key for key in state if key.startswith("backbone.") and key.endswith("running_var"))
    name = name.removeprefix("backbone.")
    odd = spoilt(trained, tmp_path / "odd", name, -1e9)  # finite, but the root of it is not
    where = ["--data", str(photo_folder), "--output", str(tmp_path / "out")]
    for task in ("knn", "linear"):
        status, _, err = call(capsys, "eval-ssl", task, "--checkpoint", str(odd), *where)
        assert status == EXIT_FAULTS
        assert "images are infinite or no number" in err
    assert not list((tmp_path / "out").glob("*.json"))
    lost = spoilt(trained, tmp_path / "lost", name, float("inf"))
    target = ["--output", str(tmp_path / "b.safetensors")]
    status, _, err = call(capsys, "train-ssl", "export", "--checkpoint", str(lost), *target)
    assert status == EXIT_FAULTS
    assert f"the weight {name} is infinite" in err
    assert not (tmp_path / "b.safetensors").exists()


def test_a_file_that_is_no_checkpoint_is_named(
    photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty.pt").touch()
    where = ["--data", str(photo_folder), "--output", str(tmp_path / "out")]
    status, _, err = call(capsys, "eval-ssl", "knn", "--checkpoint", str(tmp_path / "empty.pt"), *where)
    assert status == EXIT_USAGE
    assert "empty.pt is no checkpoint" in err


def test_fresh_passes_for_each_epoch_do_not_pile_up(
    trained: Path, photo_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    common = ["--checkpoint", str(trained / "backbone.safetensors"), "--output", str(tmp_path)]
    linear = ["linear", *common, "--data", str(photo_folder), "--test", str(photo_folder), "--epochs", "3"]
    status, _, _ = call(capsys, "eval-ssl", *linear, "--protocol", "byol")
    assert status == 0
    assert len(list((tmp_path / "features").glob("*.npy"))) == 2  # the test images, the last pass


def test_export_says_what_it_wrote(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "new" / "b.safetensors"
    status, out, _ = call(
        capsys, "train-ssl", "export", "--checkpoint", str(trained), "--output", str(target)
    )
    assert status == 0
    assert "tiny" in out
    assert target.exists()
    wrong = ["export", "--checkpoint", str(trained), "--output", str(target), "--format", "detectron2"]
    status, _, err = call(capsys, "train-ssl", *wrong)
    assert status == EXIT_USAGE
    assert ".pth" in err
