"""Grounding while training: in the log, `run_grounding`'s figure, and the training's bits stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from maskgen.errors import ShardFault
from maskgen.loaders import open_dataset
from maskgen.trainers.datasets.masked import Masked, masked_of_shards
from maskgen.trainers.evaluations import cam_monitor
from maskgen.trainers.evaluations.cam_monitor import CamMonitor
from maskgen.trainers.evaluations.grounding.task import GroundingConfig, run_grounding
from maskgen.trainers.methods import METHODS
from maskgen.trainers.presets import find_preset, with_overrides
from maskgen.trainers.run import train
from maskgen.trainers.settings import Settings
from maskgen.trainers.training.log import read

CPU = torch.device("cpu")


@pytest.mark.slow
def test_the_method_is_left_as_it_was(shards: Path) -> None:
    preset = find_preset("cast", "smoke")
    torch.manual_seed(0)
    method = METHODS["cast"](preset)
    settings = Settings(data=str(shards), output=shards / "unused")
    look = CamMonitor.open(open_dataset(shards), preset, settings, CPU)
    before = {name: value.clone() for name, value in method.state_dict().items()}
    state = torch.get_rng_state()
    found = look.measure(method)
    assert found.keys() == {"cam_iou", "cam_density"}
    assert found == look.measure(method)
    assert method.training
    assert all(torch.equal(before[name], value) for name, value in method.state_dict().items())
    assert all(parameter.grad is None for parameter in method.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_of_many_images_some_are_drawn_once(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cam_monitor, "MOST", 20)
    settings = Settings(data=str(shards), output=shards / "unused")
    one, again = (
        CamMonitor.open(open_dataset(shards), find_preset("simclr", "smoke"), settings, CPU) for _ in range(2)
    )
    assert len(one.images) == 20
    assert one.images.fingerprint == again.images.fingerprint


def test_a_damaged_photo_counts_as_one_without_an_object_or_ends_the_look(shards: Path) -> None:
    preset = find_preset("cast", "smoke")
    torch.manual_seed(0)
    method = METHODS["cast"](preset)
    whole = masked_of_shards(open_dataset(shards)).draw(7)

    def damage(number: int) -> Masked:
        if number == 3:
            raise ShardFault("a photo does not decode", remedy="make its shard again")
        return whole.read(number)

    def empty(number: int) -> Masked:
        photo, mask = whole.read(number)
        return photo, mask & (number != 3)

    def look(read: Callable[[int], Masked], on_error: str) -> dict[str, float]:
        settings = Settings(data="", output=Path("unused"), on_error=on_error)
        return CamMonitor(replace(whole, read=read), preset, settings, CPU).measure(method)

    skipped = look(damage, "skip")
    assert skipped == pytest.approx(look(empty, "raise"), abs=1e-6)
    assert skipped != look(whole.read, "raise")
    with pytest.raises(ShardFault, match="a photo does not decode"):
        look(damage, "raise")


@pytest.mark.slow
def test_a_training_that_looks_has_the_same_bits_and_logs_what_eval_ssl_finds(
    shards: Path, tmp_path: Path
) -> None:
    preset = with_overrides(
        find_preset("cast", "smoke"), {"epochs": "2", "batch_size": "18", "bn_groups": "3"}
    )
    for every in (0, 1):
        settings = Settings(data=str(shards), output=tmp_path / str(every), loader="torch", cam_every=every)
        train(preset, settings, say=lambda _text: None, echo=lambda _line: None)
    plain, looking = (load_file(tmp_path / name / "backbone.safetensors") for name in ("0", "1"))
    assert plain.keys() == looking.keys()
    assert all(torch.equal(value, looking[name]) for name, value in plain.items())
    seen = [record for record in read(tmp_path / "1" / "metrics.jsonl") if "cam_iou" in record]
    assert [record["epoch"] for record in seen] == [1, 2]
    assert not any("cam_iou" in record for record in read(tmp_path / "0" / "metrics.jsonl"))
    side = preset.views.views[0].size
    config = GroundingConfig(
        checkpoint=tmp_path / "1", output=tmp_path / "eval", device=CPU, data=shards, side=side
    )
    found = run_grounding(config)
    assert seen[-1]["cam_iou"] == pytest.approx(found["iou"], abs=1e-6)
    assert seen[-1]["cam_density"] == pytest.approx(found["delta_saliency_density"], abs=1e-6)
