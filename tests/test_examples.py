"""The examples run as they are written: the programs on a folder of small photos, and those of the core's
docstrings.
"""

from __future__ import annotations

import doctest
import importlib
import math
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import maskgen

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"


PAGE = ROOT / "docs" / "how-to" / "frameworks.md"
QUIET = {"LIGHTLY_DID_VERSION_CHECK": "1", "HF_HUB_OFFLINE": "1"}
"""No example asks the network."""


def call(name: str, *arguments: object, cwd: Path | None = None) -> list[str]:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **QUIET}, cwd=cwd
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def shards(discs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("examples") / "shards"
    printed = call("make_shards.py", discs, folder, "--method", "rbd")
    assert printed == ["samples: 9, shards: 1, images not used: 2", "sound"]
    return folder


@pytest.mark.slow
def test_shards_are_made_and_resumed(discs: Path, shards: Path) -> None:
    before = {path.name: path.read_bytes() for path in shards.glob("*.tar")}
    call("make_shards.py", discs, shards, "--method", "rbd")
    assert {path.name: path.read_bytes() for path in shards.glob("*.tar")} == before


@pytest.mark.slow
def test_masks_come_with_the_photos_of_a_loader_of_ones_own(discs: Path, shards: Path) -> None:
    pytest.importorskip("torchvision")
    printed = call("masks_in_my_loader.py", discs, shards)
    sizes = [re.fullmatch(r"\((\d), 3, 96, 96\) pictures, (\d+)% foreground", line) for line in printed]
    assert [int(found[1]) for found in sizes if found] == [4, 4, 1]
    assert all(found and 0 < int(found[2]) < 80 for found in sizes)


@pytest.mark.slow
@pytest.mark.parametrize(("wrong", "words"), [(0, "is not there: give the folder"), (1, "Next: ")])
def test_a_wrong_folder_is_told_in_a_sentence(
    discs: Path, shards: Path, tmp_path: Path, wrong: int, words: str
) -> None:
    pytest.importorskip("torchvision")
    places = [discs, shards]
    places[wrong] = tmp_path
    command = [sys.executable, str(EXAMPLES / "masks_in_my_loader.py"), *map(str, places)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **QUIET})
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_a_plain_loop_trains(shards: Path) -> None:
    pytest.importorskip("torchvision")
    printed = call("train_simsiam.py", shards, "--epochs", 2, "--batch-size", 8)
    losses = [float(line.rpartition(" ")[2]) for line in printed]
    assert len(losses) == 2
    assert all(-1 <= loss < 0.5 for loss in losses)
    assert losses[0] != losses[1]  # the weights have moved, and the views are others


@pytest.fixture(scope="module")
def labeled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sixteen photos of the demo, of four classes, with backgrounds."""
    folder = tmp_path_factory.mktemp("labeled") / "shards"
    maskgen.run(dataset="sample", output=str(folder), background="tiled", workers=1)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("method", ["simclr", "moco"])
def test_lightning_trains_with_lightlys_parts(labeled: Path, method: str) -> None:
    pytest.importorskip("lightly")
    pytest.importorskip("lightning")
    words = ["--method", method, "--batch-size", 8]
    (*_, loss) = call("lightning_lightly.py", labeled, *words, cwd=labeled.parent)
    # a softmax over 14 others, or over the 4,096 random vectors of the memory, that know nothing yet
    assert 0 < float(loss.removeprefix("loss ")) < 2 * math.log(14 if method == "simclr" else 4096)


@pytest.mark.slow
def test_timm_trains_on_other_backgrounds(labeled: Path) -> None:
    pytest.importorskip("timm")
    printed = call("timm_backgrounds.py", labeled, "--batch-size", 8, "--epochs", 2, "--side", 64)
    assert [line.split(":")[0] for line in printed] == ["epoch 0", "epoch 1"]
    losses = [float(line.rpartition(" ")[2]) for line in printed]
    assert all(0 < loss < 3 * math.log(4) for loss in losses)
    assert losses[0] != losses[1]


@pytest.mark.slow
def test_transformers_train_on_streamed_shards(labeled: Path) -> None:
    pytest.importorskip("datasets")
    pytest.importorskip("transformers")
    pytest.importorskip("accelerate")
    words = ["--classes", 4, "--steps", 2, "--batch-size", 4]
    (*_, loss) = call("transformers_streaming.py", f"{labeled}/*.tar", *words, cwd=labeled.parent)
    assert 0 < float(loss.removeprefix("loss ")) < 3 * math.log(4)
    command = [sys.executable, str(EXAMPLES / "transformers_streaming.py"), "nothing/*.tar"]
    none = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **QUIET}, cwd=labeled.parent
    )
    assert none.returncode == 1
    assert none.stderr.splitlines()[-1] == "no file fits nothing/*.tar"
    assert "Traceback" not in none.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "needed", "files"),
    [
        ("timm_backgrounds.py", ("timm",), ""),
        ("transformers_streaming.py", ("datasets", "transformers", "accelerate"), "*.tar"),
    ],
)
def test_shards_without_labels_are_told_in_a_sentence(
    discs: Path, tmp_path: Path, name: str, needed: tuple[str, ...], files: str
) -> None:
    for package in needed:
        pytest.importorskip(package)
    shards = tmp_path / "shards"
    maskgen.run(
        dataset="folder", input=str(discs), output=str(shards), method="box", background="tiled", workers=1
    )
    command = [sys.executable, str(EXAMPLES / name), str(shards / files)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, **QUIET}, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "these shards have no labels: maskgen run --labels folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_mask_rcnn_trains_on_exported_masks(labeled: Path, tmp_path: Path) -> None:
    pytest.importorskip("torchvision")
    pytest.importorskip("pycocotools")
    command = [
        sys.executable,
        "-m",
        "maskgen",
        "export",
        str(labeled),
        "--to",
        "coco",
        str(tmp_path / "coco"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (line,) = (line for line in PAGE.read_text().splitlines() if line.startswith("python examples/detection"))
    line = line.replace("python ", f"{sys.executable} ").replace("examples/", f"{EXAMPLES}/")
    line = line.replace("--steps 10 --side 200", "--steps 2 --side 96")
    done = subprocess.run(["bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    steps = [line for line in done.stdout.splitlines() if line.startswith("step ")]
    assert len(steps) == 2
    values = {name: float(value) for name, value in re.findall(r"(loss_\w+) ([\d.]+)", steps[0])}
    assert set(values) == {
        "loss_classifier",
        "loss_box_reg",
        "loss_mask",
        "loss_objectness",
        "loss_rpn_box_reg",
    }
    assert values["loss_mask"] > 0, "there were masks"


@pytest.mark.slow
def test_the_notebook_runs(tmp_path: Path) -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook = nbformat.read(EXAMPLES / "masks.ipynb", as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells), "is kept without its pictures"
    nbclient.NotebookClient(notebook, timeout=200, resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    assert outputs[0]["text"] == "16 masks, 0 photos in quarantine\n"
    assert "% foreground" in outputs[-1]["text"]


def make_places(options: dict[str, Any], folder: Path) -> None:
    """What a suite's options name: folders of data, and a file of labels."""
    for name, value in options.items():
        if name in ("data", "sbd"):
            (folder / value).mkdir(parents=True, exist_ok=True)
        if name == "real-labels":
            (folder / value).touch()


@pytest.mark.parametrize("path", sorted((EXAMPLES / "suites").glob("*.toml")), ids=lambda path: path.stem)
def test_a_papers_suite_asks_for_tasks_and_options_that_there_are(
    path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from maskgen.cli.eval_ssl import eval_cli
    from maskgen.trainers.evaluations.suite.spec import read_suite

    suite = read_suite(path)
    file = tmp_path / path.name
    file.write_bytes(path.read_bytes())
    for options in (suite.defaults, *(task.options for task in suite.tasks)):
        make_places(options, tmp_path)
    words = ["suite", str(file), "--output", str(tmp_path / "out"), "--dry-run"]
    assert eval_cli.main(words, standalone_mode=False) == 0
    assert capsys.readouterr().out.count("to do ") == len(suite.checkpoints) * len(suite.tasks)
    for table in suite.tables:
        assert re.search(r"et al., (Table|appendix) ", table.source)
        assert all(row.published for row in table.rows)
        assert {name for row in table.rows for name in row.checkpoints} == {
            one.name for one in suite.checkpoints
        }


def test_examples_stay_short() -> None:
    assert all(len(path.read_text().splitlines()) <= 60 for path in EXAMPLES.glob("*.py"))


MODULES = [
    path.relative_to(ROOT).with_suffix("")
    for folder in ("methods", "backgrounds", "io", "drawing", "challenge")
    for path in sorted((ROOT / "maskgen" / folder).rglob("*.py"))
    if ">>>" in path.read_text()
]


@pytest.mark.slow
@pytest.mark.parametrize("path", MODULES, ids=str)
def test_examples_in_docstrings_run(path: Path) -> None:
    if "\nimport torch" in (ROOT / path).with_suffix(".py").read_text():
        pytest.importorskip("torch")
    module = importlib.import_module(".".join(path.parts))
    for test in doctest.DocTestFinder(exclude_empty=True).find(module, globs={}):
        found = doctest.DocTestRunner().run(test)
        assert not found.failed, test.name
