"""Heads that are interrupted: what comes out is what would have come out, bit for bit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from maskgen.errors import Interrupted
from maskgen.trainers.heads.linear import train_heads
from maskgen.trainers.heads.protocols import Protocol
from maskgen.trainers.heads.resume import FOLDER, Keeper

LAW = Protocol(
    source="test", epochs=6, batch_size=16, lr=0.5, weight_decay=1e-3, nesterov=True, standardise=True
)


def keeper(folder: Path, question: str = "one", said: list[str] | None = None) -> Keeper:
    return Keeper(folder, {"question": question}, (said if said is not None else []).append)


def heads(folder: Path, stop_after: int = 0) -> dict[float, torch.Tensor]:
    """The weights by rate; a signal comes after so many epochs."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(40) % 4
    views = [torch.randn(40, 8, generator=generator) + labels[:, None] for _ in range(LAW.epochs)]

    def report(epoch: int, _losses: dict[float, float]) -> None:
        if epoch + 1 == stop_after:
            raise Interrupted("stopped")

    found, _ = train_heads(
        lambda epoch: views[epoch],
        labels,
        LAW,
        lrs=[0.1, 1.0],
        classes=4,
        report=report,
        keeper=keeper(folder),
    )
    return {lr: layer.weight.detach().clone() for lr, layer in found.items()}


def test_a_run_in_parts_is_one_run_bit_for_bit(tmp_path: Path) -> None:
    whole = heads(tmp_path / "whole")
    for epoch in (1, 4):
        with pytest.raises(Interrupted):
            heads(tmp_path / "parts", stop_after=epoch)
    found = heads(tmp_path / "parts")
    assert all(torch.equal(found[lr], whole[lr]) for lr in whole)


def test_what_a_kill_left_half_written_is_passed_over(tmp_path: Path) -> None:
    whole = heads(tmp_path / "whole")
    with pytest.raises(Interrupted):
        heads(tmp_path / "parts", stop_after=3)
    (newest,) = (tmp_path / "parts" / FOLDER).glob("*/step-000000003.pt")
    newest.write_bytes(newest.read_bytes()[:-100])
    found = heads(tmp_path / "parts")
    assert all(torch.equal(found[lr], whole[lr]) for lr in whole)


def test_another_question_begins_anew_in_the_same_folder(tmp_path: Path) -> None:
    keeper(tmp_path).save(2, {"value": torch.ones(1)})
    found = keeper(tmp_path).load()
    assert found is not None
    assert found["value"].item() == 1
    assert keeper(tmp_path, "other").load() is None
