"""Accuracy under attack from photos to a result."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from robust_kit import write_classes, write_head

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.robust import attacked
from maskgen.trainers.evaluations.robust.attacked import (
    AttackConfig,
    labels_of,
    random_starts,
    run_attack,
    some_photos,
    summary,
)
from maskgen.trainers.evaluations.robust.judges import ByClass, ByLists
from maskgen.trainers.evaluations.robust.sets.parts import Part
from maskgen.trainers.evaluations.robust.sets.pictures import Pictures
from maskgen.trainers.probes.setup import ProbeConfig


def asked(folder: Path, **values: object) -> AttackConfig:
    photos, head = folder / "photos", folder / "head.safetensors"
    if not photos.exists():
        write_classes(photos)
    probe = ProbeConfig(
        checkpoint="random",
        backbone="tiny",
        data=photos,
        test=None,
        output=folder / "out",
        device=torch.device("cpu"),
        side=32,
        batch_size=3,
    )
    given = {"epsilons": (0.001, 8), "steps": 4, "seeds": 2, "partial": True, **values}
    return AttackConfig(probe=probe, head=str(head), **given)  # type: ignore[arg-type]


def test_every_attack_has_its_figures_and_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_head(tmp_path / "head.safetensors")
    found = run_attack(asked(tmp_path), say=lambda text: None)
    figures = found["figures"]
    assert set(figures) == {"clean", "fgsm_0.001", "fgsm_8", "pgd_0.001", "pgd_8"}
    assert json.loads((tmp_path / "out" / "attack.json").read_text()) == found
    assert len(figures["pgd_8"]["seeds"]) == 2
    assert figures["fgsm_8"]["sem"] is None
    assert figures["fgsm_0.001"]["mean"] == figures["clean"]  # a change that is none
    assert found["photos"] == 8
    monkeypatch.setattr(attacked, "_right", None)
    assert run_attack(asked(tmp_path), say=lambda text: None) == found


def test_the_standard_error_is_that_of_the_mean() -> None:
    """Worked by hand: deviations of -.1, 0 and .1 have a standard deviation of .1."""
    found = summary([0.4, 0.5, 0.6])
    assert found["mean"] == pytest.approx(0.5)
    assert found["sem"] == pytest.approx(0.1 / 3**0.5)


def test_random_starts_belong_to_a_photo_and_a_seed() -> None:
    pixels = torch.zeros(2, 3, 4, 4)
    first, second = (random_starts(np.array(rows), 0, pixels) for rows in ([5, 6], [6, 5]))
    assert torch.equal(first[0], second[1])
    assert not torch.equal(first[0], first[1])
    assert not torch.equal(first, random_starts(np.array([5, 6]), 1, pixels))
    assert -1 <= float(first.min()) < float(first.max()) <= 1


def test_some_photos_are_taken_evenly(tmp_path: Path) -> None:
    images = Pictures.below(write_classes(tmp_path / "set")).images()
    part = Part(images, ByClass(np.arange(8)))
    assert labels_of(some_photos(part, 3)).tolist() == [0, 4, 7]
    assert len(some_photos(part, 0).images) == len(some_photos(part, 99).images) == 8
    with pytest.raises(UsageError, match="without one class each"):
        labels_of(Part(images, ByLists([[]] * 8)))
