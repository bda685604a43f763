"""VOC 2007 from a checkpoint to a result; an interrupted one goes on."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from voc_kit import write_voc

from maskgen.errors import Interrupted, UsageError
from maskgen.processes.signals import StopSignals
from maskgen.trainers.datasets.voc import open_voc
from maskgen.trainers.evaluations.voc07 import run
from maskgen.trainers.evaluations.voc07.precision import all_point
from maskgen.trainers.evaluations.voc07.protocols import find_svm_protocol
from maskgen.trainers.evaluations.voc07.run import VocConfig, run_voc07

svm = pytest.importorskip("sklearn.svm", reason="scikit-learn is an extra")
pytestmark = pytest.mark.slow
SPLITS = {"trainval": 45, "test": 30}


def config(tmp_path: Path, **values: Any) -> VocConfig:
    given: dict[str, Any] = {"output": tmp_path / "out", "side": 32, **values}
    return VocConfig(
        checkpoint="random",
        backbone="tiny",
        data=tmp_path,
        device=torch.device("cpu"),
        batch_size=16,
        **given,
    )


def test_a_result_is_what_scikit_learn_makes_of_the_features(tmp_path: Path) -> None:
    write_voc(tmp_path, SPLITS)
    protocol = find_svm_protocol("revisiting")
    result = run_voc07(config(tmp_path), protocol, say=lambda _: None)
    assert json.loads((tmp_path / "out" / "voc07.json").read_text()) == result
    rows = {}
    for file in (tmp_path / "out" / "features").glob("*.npy"):
        part = np.load(file).astype(np.float64)
        rows[len(part)] = part / (np.linalg.norm(part, axis=1, keepdims=True) + 1e-5)
    main = tmp_path / "VOC2007" / "ImageSets" / "Main"
    found = {}
    for name in ("ball", "box"):
        train, test = (
            np.array(
                [int(line.split()[1]) for line in (main / f"{name}_{split}.txt").read_text().splitlines()]
            )
            for split in SPLITS
        )
        model = svm.LinearSVC(
            C=0.5, class_weight={1: 2, -1: 1}, dual=True, max_iter=2000, random_state=0
        ).fit(rows[45], np.where(train == 1, 1, -1))
        found[name] = all_point(model.decision_function(rows[30]), test == 1)
    assert {name: one["all_point"] for name, one in result["classes"].items()} == pytest.approx(found)
    assert result["map"] == result["map_all_point"] == pytest.approx(np.mean(list(found.values())))
    assert result["map"] > 0.7  # colors alone tell most
    assert (result["images"], result["test_images"], result["backbone"]) == (45, 30, "tiny")


def test_a_class_of_too_few_photos_is_told_before_any_work(tmp_path: Path) -> None:
    write_voc(tmp_path, {"trainval": 2, "test": 3})
    with pytest.raises(UsageError, match="of 2 training photos too few have a class"):
        run_voc07(config(tmp_path), find_svm_protocol("fair"), say=lambda _: None)
    assert not (tmp_path / "out").exists()


def test_folds_in_other_processes_find_the_same(tmp_path: Path) -> None:
    write_voc(tmp_path, SPLITS)
    protocol = find_svm_protocol("cast")
    one = run_voc07(config(tmp_path), protocol, say=lambda _: None)
    two = run_voc07(config(tmp_path, output=tmp_path / "two", workers=2), protocol, say=lambda _: None)
    assert one == two
    assert one["map"] == one["map_step"]


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_voc(tmp_path, SPLITS)
    protocol = find_svm_protocol("vissl", (0.1, 1.0))
    whole = run_voc07(config(tmp_path, output=tmp_path / "whole"), protocol, say=lambda _: None)
    fitted = []
    train = open_voc(tmp_path, "trainval")
    names = {column.tobytes(): name for column, name in zip(train.targets.T, train.classes, strict=True)}

    def count(*args: Any, **kwargs: Any) -> Any:
        fitted.append(names[args[1].tobytes()])
        return fit(*args, **kwargs)

    fit = run.fit
    monkeypatch.setattr(run, "fit", count)

    def say(text: str) -> None:
        if text.startswith("class 1/2"):
            signal.raise_signal(signal.SIGTERM)

    with StopSignals(patience=1) as stop, pytest.raises(Interrupted):
        run_voc07(config(tmp_path), protocol, say=say, stop=stop)
    assert run_voc07(config(tmp_path), protocol, say=lambda _: None) == whole
    assert run_voc07(config(tmp_path), protocol, say=lambda _: None) == whole
    assert fitted == ["ball", "box"]
    other = run_voc07(config(tmp_path), find_svm_protocol("vissl", (1.0,)), say=lambda _: None)
    assert other["classes"]["ball"]["cost"] == 1.0  # another question is answered anew
    assert fitted[2:] == ["ball", "box"]
