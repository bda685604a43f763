"""Fine-tuning from a checkpoint to a result: searches, lists, killed runs, and its file judged again."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from maskgen.cli.eval_ssl import eval_cli
from maskgen.errors import MaskgenError
from maskgen.trainers.evaluations.finetune.protocols import find_tuning_protocol
from maskgen.trainers.evaluations.finetune.run import TuningQuestion, run_finetune
from maskgen.trainers.probes.setup import ProbeConfig
from maskgen.trainers.probes.tasks import run_head

pytestmark = pytest.mark.slow  # its photos are


def config(photos: Path, output: Path, **values: Any) -> ProbeConfig:
    given: dict[str, Any] = {"checkpoint": "random", "backbone": "tiny", "test": None, "side": 32, **values}
    return ProbeConfig(data=photos, output=output, device=torch.device("cpu"), **given)


def quiet(_: str) -> None:
    """Nothing."""


def test_a_result_is_what_its_file_gives_when_it_is_judged_again(photo_folder: Path, tmp_path: Path) -> None:
    protocol = find_tuning_protocol("swav-10", lrs=(0.05,), head_lrs=(0.1,), epochs=(4,), batch_size=8)
    result = run_finetune(config(photo_folder, tmp_path, test=photo_folder), protocol, say=quiet)
    assert json.loads((tmp_path / "finetune.json").read_text()) == json.loads(json.dumps(result))
    log = [json.loads(line) for line in (tmp_path / "finetune.log.jsonl").read_text().splitlines()]
    assert [record["epoch"] for record in log] == [1, 2, 3, 4]
    assert log[-1]["top1"] == result["top1"] > 0.6  # of three classes; colors alone tell most
    assert log[-1]["loss"] < log[0]["loss"]
    tuned = config(photo_folder, tmp_path, checkpoint=tmp_path / "finetuned.safetensors", backbone="")
    again = run_head(tuned, head="own", say=quiet)
    assert {name: again[name] for name in ("top1", "top5", "per_class")} == {
        name: result[name] for name in ("top1", "top5", "per_class")
    }
    assert again["checkpoint_sha256"] == result["finetuned_sha256"]


def test_the_best_rate_is_chosen_and_trained_again_on_all(photo_folder: Path, tmp_path: Path) -> None:
    said: list[str] = []
    protocol = find_tuning_protocol("transfer", lrs=(1e-9, 0.1, 1e30), epochs=(3,), batch_size=8)
    asked = config(photo_folder, tmp_path, validation=photo_folder)
    result = run_finetune(asked, protocol, say=said.append)
    assert result["lr"] == 0.1
    assert set(result["chosen_by"]) == {"lr 1e-09 head 1e-09 epochs 3", "lr 0.1 head 0.1 epochs 3"}
    assert any("lr 1e+30" in text and "left out" in text for text in said)
    log = [json.loads(line) for line in (tmp_path / "finetune.log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in log if record.get("refit")] == [12, 24, 36]  # of 43 + 54 images
    assert [record["step"] for record in log if record["trial"].startswith("lr 1e-09")] == [5, 10, 15]
    before, said = said, []
    assert run_finetune(asked, protocol, say=said.append) == result
    assert len(said) < len(before)
    lost = find_tuning_protocol("transfer", lrs=(1e30,), epochs=(1,), batch_size=8)
    with pytest.raises(MaskgenError, match="infinite or no number"):
        run_finetune(config(photo_folder, tmp_path / "lost"), lost, say=quiet)


def test_a_list_leaves_classes_and_their_numbers_alone(photo_folder: Path, tmp_path: Path) -> None:
    """Names of files repeat here, so the list is of shards' kind of names: made unique first."""
    photos = tmp_path / "photos"
    for path in photo_folder.rglob("*.png"):
        target = photos / path.parent.name / f"{path.parent.name}_{path.name}"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{name}_{n:02d}.JPEG\n" for name in ("cat", "coffee") for n in range(12)))
    protocol = find_tuning_protocol("swav-10", lrs=(0.05,), epochs=(1,), batch_size=8)
    question = TuningQuestion(listed=listed)
    result = run_finetune(config(photos, tmp_path / "out", test=photos), protocol, question, say=quiet)
    found = {name: result[name] for name in ("images", "listed", "missing", "classes", "test_images")}
    assert found == {"images": 24, "listed": 24, "missing": 0, "classes": 3, "test_images": 54}


@pytest.mark.faults
def test_a_killed_command_ends_as_if_it_was_not(photo_folder: Path, tmp_path: Path) -> None:
    """kill -9 after an epoch, SIGTERM in a later one: the same bytes come out as undisturbed."""
    words = ["finetune", "--checkpoint", "random", "--backbone", "tiny", "--data", str(photo_folder)]
    words += ["--side", "32", "--epochs", "5", "--step-batch", "8", "--lr", "0.05", "--head-lr", "0.1"]
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
    for file in ("finetuned.safetensors", "finetune.json", "finetune.log.jsonl"):
        assert (tmp_path / "whole" / file).read_bytes() == (tmp_path / "parts" / file).read_bytes()
