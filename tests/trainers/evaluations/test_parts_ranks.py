"""What is dealt out over ranks: two find, write and say what one does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from davis_kit import make_davis
from ranks_kit import run_ranks
from robust_kit import write_classes, write_head, write_in9
from safetensors.torch import load_file
from segmentation_kit import make_voc

from maskgen.cli.eval_ssl import eval_cli
from maskgen.trainers.datasets.segmentation.layouts import open_segmented
from maskgen.trainers.evaluations.fcn.judge import Judge, summarize
from maskgen.trainers.evaluations.fcn.saved import load_fcn
from maskgen.trainers.pretrained.encoder import load_encoder

pytestmark = pytest.mark.slow  # its fixture is

FROZEN = {"davis": "davis", "grounding": "grounding", "retrieval": "retrieval", "robust": "robust"}
FROZEN |= {"attack": "attack", "challenge": "robust"}
"""Files of results, and the tasks that write them."""
SMALL = {
    "maskgen.trainers.evaluations.grounding.task._PART": 2,
    "maskgen.trainers.evaluations.retrieval.task._PART": 1,
    "maskgen.trainers.evaluations.robust.attacked._CHUNK": 7,
    "maskgen.trainers.evaluations.robust.challenge._CHUNK": 1,
    "maskgen.trainers.evaluations.fcn.judge._PART": 1,
}
"""So that there are parts for both ranks."""


def write_tasks(folder: Path, photos: Path) -> dict[str, list[str]]:
    """The words of each task. Steps go through a network in passes of one size, on one rank as on two."""
    encoder = ["--checkpoint", "random", "--backbone", "tiny"]
    test = folder / "odd"  # 53 photos, which do not divide
    shutil.copytree(photos, test)
    (test / "cat" / "00.png").unlink()
    voc, davis = str(make_voc(folder)), str(make_davis(folder / "davis"))
    root = folder / "VOCdevkit" / "VOC2012"
    masked = ["--data", str(root / "JPEGImages"), "--truth", str(root / "masks")]
    classes, scenes = write_classes(folder / "classes", each=5), write_in9(folder / "in9")
    finished = [*encoder, "--head", str(write_head(folder / "head.safetensors")), "--side", "32", "--partial"]
    tuned = [*encoder, "--data", str(photos), "--test", str(test), "--side", "32", "--epochs", "2"]
    sets = ["--set", f"a={classes}", "--set", f"sketch={classes}", "--challenge", str(scenes)]
    return {
        "finetune": ["finetune", *tuned, "--step-batch", "8", "--batch-size", "4", "--head-lr", "0.1"],
        "fcn": [
            *("fcn", *encoder, "--data", voc, "--epochs", "2", "--lr", "0.1", "--crop", "41"),
            *("--step-batch", "2", "--batch-size", "1"),
        ],
        "davis": ["davis", *encoder, "--data", davis],
        "grounding": ["grounding", *encoder, *masked, "--side", "32"],
        "retrieval": [
            *("retrieval", *encoder, "--data", voc, "--layer", "layer3", "--stride", "0", "--side", "96"),
            *("--clusters", "4"),
        ],
        "robust": ["robust", *finished, *sets],
        "attack": ["attack", *finished, "--data", str(classes), "--epsilon", "8", "--steps", "2"],
    }


@pytest.fixture(scope="module")
def found(photo_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The folder of all results, below ``one`` and ``two``, and what the two ranks said."""
    folder = tmp_path_factory.mktemp("ranks")
    tasks = write_tasks(folder, photo_folder)
    words = [[*each, "--output", str(folder / "two" / name)] for name, each in tasks.items()]
    two = run_ranks(2, words, SMALL)
    assert two.returncode == 0, two.stderr
    with pytest.MonkeyPatch.context() as patch:
        for place, value in SMALL.items():
            patch.setattr(place, value)
        for name, each in tasks.items():
            eval_cli.main([*each, "--output", str(folder / "one" / name)], standalone_mode=False)
    return folder, (two.stdout + two.stderr).splitlines()


def read(folder: Path, ranks: str, task: str, file: str) -> Any:
    return json.loads((folder / ranks / task / f"{file}.json").read_text())


@pytest.mark.parametrize(("file", "task"), FROZEN.items())
def test_two_ranks_write_what_one_writes(found: tuple[Path, list[str]], file: str, task: str) -> None:
    one, two = (read(found[0], ranks, task, file) for ranks in ("one", "two"))
    assert one == two


def test_both_ranks_have_made_parts(found: tuple[Path, list[str]]) -> None:
    """As many files as one process, and the masks of clips of both."""
    for task in FROZEN.values():
        names = [
            {path.relative_to(found[0] / ranks) for path in (found[0] / ranks / task).rglob("*.*")}
            for ranks in ("one", "two")
        ]
        assert names[0] == names[1]
        assert len(names[0]) > 2
    for path in (found[0] / "one" / "davis" / "masks").rglob("*.png"):
        assert path.read_bytes() == (found[0] / "two" / path.relative_to(found[0] / "one")).read_bytes()


@pytest.mark.parametrize("task", ["finetune", "fcn"])
def test_two_ranks_take_the_steps_of_one(found: tuple[Path, list[str]], task: str) -> None:
    """The same losses and weights; BatchNorm's running statistics are the mean of the ranks' there."""
    logs = [(found[0] / ranks / task / f"{task}.log.jsonl").read_text() for ranks in ("one", "two")]
    losses = [[json.loads(line)["loss"] for line in log.splitlines()] for log in logs]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)
    assert losses[0][1] != losses[0][0]
    file = {"finetune": "finetuned.safetensors", "fcn": "fcn.safetensors"}[task]
    one, two = (load_file(found[0] / ranks / task / file) for ranks in ("one", "two"))
    assert one.keys() == two.keys()
    for name, value in one.items():
        if not name.endswith(("running_mean", "running_var", "num_batches_tracked")):
            torch.testing.assert_close(two[name], value, rtol=1e-3, atol=1e-5)


def test_two_ranks_judge_a_segmentation_as_one_does(found: tuple[Path, list[str]], tmp_path: Path) -> None:
    result, cpu = read(found[0], "two", "fcn", "fcn"), torch.device("cpu")
    model, _ = load_fcn(found[0] / "two" / "fcn" / "fcn.safetensors", cpu)
    images = open_segmented(found[0], "val")
    judge = Judge(images, load_encoder("random", cpu, "tiny"), cpu)
    again = summarize(judge.table(model, {}, tmp_path, lambda _text: None, None), images.classes)
    assert {name: result[name] for name in again} == again


def test_two_ranks_judge_a_classifier_as_one_does(
    found: tuple[Path, list[str]], photo_folder: Path, tmp_path: Path
) -> None:
    result = read(found[0], "two", "finetune", "finetune")
    tuned = ["--checkpoint", str(found[0] / "two" / "finetune" / "finetuned.safetensors"), "--head", "own"]
    where = ["--data", str(photo_folder), "--test", str(found[0] / "odd"), "--output", str(tmp_path)]
    eval_cli.main(["linear", *tuned, *where, "--side", "32"], standalone_mode=False)
    again = json.loads((tmp_path / "test-odd.json").read_text())
    names = ("top1", "top5", "per_class", "test_images")
    assert {name: result[name] for name in names} == {name: again[name] for name in names}


def test_rank_0_alone_speaks(found: tuple[Path, list[str]]) -> None:
    for text in (
        "pgd_8 ",
        "clean ",
        "a: ",
        "challenge: 6/6",
        "challenge: 0",
        "challenge: 1",
        "J&F ",
        "miou ",
    ):
        assert sum(line.removeprefix("eval-ssl: ").startswith(text) for line in found[1]) <= 1, text
    assert sum("epoch 2/2" in line for line in found[1]) == 2  # of finetune and fcn
