"""From a folder to a result: both layouts, a search, killed runs, and the file judged again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from segmentation_kit import make_cityscapes, make_voc

from maskgen.cli.eval_ssl import eval_cli
from maskgen.errors import Interrupted, UsageError
from maskgen.processes.signals import StopSignals
from maskgen.trainers.evaluations.fcn.judge import Judge, summarize
from maskgen.trainers.evaluations.fcn.protocols import find_fcn_protocol
from maskgen.trainers.evaluations.fcn.run import FcnConfig, run_fcn
from maskgen.trainers.evaluations.fcn.saved import load_fcn

CPU = torch.device("cpu")


def config(data: Path, output: Path, **values: Any) -> FcnConfig:
    settings = {"lrs": (0.1,), "epochs": (2,), "batch_size": 3, "crop": 41, **values}
    return FcnConfig(
        checkpoint="random",
        backbone="tiny",
        data=data,
        output=output,
        device=CPU,
        threads=1,
        protocol=find_fcn_protocol("revisiting", **settings),
    )


def test_a_result_is_what_its_file_gives_when_it_is_judged_again(tmp_path: Path) -> None:
    asked = config(make_voc(tmp_path), tmp_path / "out", epochs=(25,), crop=65)
    result = run_fcn(asked)
    assert json.loads((tmp_path / "out" / "fcn.json").read_text()) == result
    assert result["miou"] > 0.5  # colors tell all; background alone has 0.2
    assert (result["images"], result["test_images"], result["stride"]) == (3, 2, 0)
    log = [json.loads(line) for line in (tmp_path / "out" / "fcn.log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in log] == list(range(1, 26))
    assert log[-1]["loss"] < log[0]["loss"] / 2
    model, facts = load_fcn(tmp_path / "out" / "fcn.safetensors", CPU)
    assert facts["checkpoint_sha256"] == result["trained_sha256"]
    assert json.loads(facts["classes"]) == result["classes"]
    test = asked.open()[1]
    judge = Judge(test, asked.encoder, CPU)
    table = judge.table(model, {}, tmp_path / "again", lambda _: None, None)
    assert summarize(table, test.classes)["ious"] == result["ious"]
    by_hand = np.zeros((2, 21))  # intersections and unions, pixel by pixel
    for number in range(2):
        photo, truth = test.pair(number)
        answer = judge.answer(model, photo)
        for label in range(21):
            counts = truth != 255
            by_hand[0, label] += ((answer == label) & (truth == label) & counts).sum()
            by_hand[1, label] += (((answer == label) | (truth == label)) & counts).sum()
    there = by_hand[1] > 0
    assert result["miou"] == pytest.approx((by_hand[0][there] / by_hand[1][there]).mean())


def test_cityscapes_has_19_classes(tmp_path: Path) -> None:
    result = run_fcn(config(make_cityscapes(tmp_path), tmp_path / "out", epochs=(12,)))
    assert len(result["ious"]) == 19
    assert result["miou"] > 0.3
    assert {name for name, iou in result["ious"].items() if iou} <= {"road", "sky", "car"}


def test_the_best_rate_is_chosen_without_its_photos_and_trained_on_all(tmp_path: Path) -> None:
    said: list[str] = []
    asked = config(make_voc(tmp_path), tmp_path / "out", lrs=(1e-9, 0.1, 1e30), epochs=(8,))
    result = run_fcn(asked, say=said.append)
    assert result["lr"] == 0.1
    assert set(result["chosen_by"]) == {"lr 1e-09 epochs 8", "lr 0.1 epochs 8"}
    assert any("lr 1e+30" in text and "left out" in text for text in said)
    log = [json.loads(line) for line in (tmp_path / "out" / "fcn.log.jsonl").read_text().splitlines()]
    best = [record.get("refit") for record in log if record["trial"] == "lr 0.1 epochs 8"]
    assert best == [None] * 8 + [True] * 8
    before, said = len(said), []
    assert run_fcn(asked, say=said.append) == result
    assert len(said) < before


def test_a_test_split_without_classes_is_refused(tmp_path: Path) -> None:
    from maskgen.trainers.datasets.index_png import write_indices

    data = make_voc(tmp_path)
    asked = config(data, tmp_path / "out", epochs=(1,))
    for path in asked.open()[1].truths:
        write_indices(path, np.full((60, 80), 255, np.uint8))
    with pytest.raises(UsageError, match="no pixel of the test photos"):
        run_fcn(asked)


@pytest.mark.parametrize("at", [1, 2, 3])
def test_a_signal_at_any_news_changes_nothing(at: int, tmp_path: Path) -> None:
    """After the first epoch, after the last, after the test."""
    data = make_voc(tmp_path)
    whole = run_fcn(config(data, tmp_path / "whole"))
    said: list[str] = []

    def say(text: str) -> None:
        said.append(text)
        if len(said) == at:
            signal.raise_signal(signal.SIGTERM)

    with StopSignals(patience=1) as stop, pytest.raises(Interrupted):
        run_fcn(config(data, tmp_path / "parts"), say=say, stop=stop)
    assert run_fcn(config(data, tmp_path / "parts")) == whole
    for file in ("fcn.safetensors", "fcn.json", "fcn.log.jsonl"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes()


@pytest.mark.slow
@pytest.mark.faults
def test_a_killed_command_ends_as_if_it_was_not(tmp_path: Path) -> None:
    """kill -9 after an epoch, SIGTERM in a later one: the same bytes come out as undisturbed."""
    words = ["fcn", "--checkpoint", "random", "--backbone", "tiny", "--data", str(make_voc(tmp_path))]
    words += ["--crop", "41", "--epochs", "12", "--step-batch", "1", "--lr", "0.05", "--threads", "1"]
    eval_cli.main([*words, "--output", str(tmp_path / "whole")], standalone_mode=False)
    command = [sys.executable, "-m", "maskgen.trainers", "eval", *words, "--output", str(tmp_path / "parts")]
    for ending in (signal.SIGKILL, signal.SIGTERM):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        next(line for line in process.stderr if "epoch" in line)
        process.send_signal(ending)
        process.communicate(timeout=200)
        assert process.returncode == (-signal.SIGKILL if ending == signal.SIGKILL else 75)
    eval_cli.main([*words, "--output", str(tmp_path / "parts")], standalone_mode=False)
    for file in ("fcn.safetensors", "fcn.json", "fcn.log.jsonl"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes()
