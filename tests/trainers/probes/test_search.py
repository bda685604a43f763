"""Which head is best, and on which images that is decided."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from maskgen.errors import Interrupted
from maskgen.trainers.datasets.images import open_images
from maskgen.trainers.heads import lbfgs
from maskgen.trainers.heads.protocols import find_protocol
from maskgen.trainers.pretrained.encoder import load_encoder
from maskgen.trainers.probes.search import Split
from maskgen.trainers.probes.setup import ProbeConfig, ProbeSetup
from maskgen.trainers.probes.tasks import run_head, run_linear

SILENT: list[str] = []


def config(photos: Path, folder: Path, **values: Any) -> ProbeConfig:
    given: dict[str, Any] = {"checkpoint": "random", "backbone": "tiny", "side": 32, "test": photos, **values}
    return ProbeConfig(data=photos, output=folder, device=torch.device("cpu"), **given)


def test_validation_images_are_those_that_are_given(photo_folder: Path, tmp_path: Path) -> None:
    setup = ProbeSetup.open(config(photo_folder, tmp_path, test=None))
    own = Split.of(setup, choose=True)
    assert own.choose is not None
    assert (len(own.train), len(own.choose), len(own.test)) == (39, 4, 11)
    setup = ProbeSetup.open(config(photo_folder, tmp_path, validation=photo_folder))
    given = Split.of(setup, choose=True)
    assert given.choose is not None
    assert (len(given.train), len(given.choose), len(given.test)) == (54, 54, 54)
    assert Split.of(setup, choose=False).choose is None


@pytest.mark.slow
def test_kornblith_is_the_best_penalty_fitted_again_on_all(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same with scikit-learn: fit, choose, fit again on both; on features that the encoder gives."""
    linear_model = pytest.importorskip("sklearn.linear_model", reason="scikit-learn is the oracle")
    penalties = (100.0, 1.0, 0.1)
    monkeypatch.setattr("maskgen.trainers.probes.search.PENALTIES", penalties)
    monkeypatch.setattr(lbfgs, "TOLERANCE", 1e-7)
    monkeypatch.setattr(lbfgs, "ITERATIONS", 2000)
    asked = config(photo_folder, tmp_path)
    result = run_linear(asked, find_protocol("kornblith"), lrs=[], views=0, say=SILENT.append)
    assert (result["share"], result["interpolation"]) == (1.0, "bicubic")
    setup = ProbeSetup.open(config(photo_folder, tmp_path, share=1.0, interpolation="bicubic"))
    data = Split.of(setup, choose=True)
    assert data.choose is not None
    train, choose, test = (
        (setup.features(part).numpy(), part.labels) for part in (data.train, data.choose, data.test)
    )

    def fitted(penalty: float, rows: Any, labels: Any) -> Any:
        return linear_model.LogisticRegression(C=1 / penalty, tol=1e-9, max_iter=20_000).fit(rows, labels)

    scores = [fitted(penalty, *train).score(*choose) for penalty in penalties]
    assert list(result["chosen_by"].values()) == pytest.approx(scores)
    best = penalties[max(range(3), key=lambda n: (scores[n], n))]
    assert result["penalty"] == best
    both = np.concatenate([train[0], choose[0]]), np.concatenate([train[1], choose[1]])
    assert result["top1"] == pytest.approx(fitted(best, *both).score(*test))


@pytest.mark.slow
def test_a_search_that_is_interrupted_ends_the_same(
    photo_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("maskgen.trainers.probes.search.PENALTIES", (10.0, 1.0, 0.1))
    found = []
    for name, stop in (("whole", ""), ("parts", "penalty 2/3"), ("parts", "")):

        def say(text: str, stop: str = stop) -> None:
            if stop and text.startswith(stop):
                raise Interrupted("stopped")

        asked = config(photo_folder, tmp_path / name)
        try:
            run_linear(asked, find_protocol("kornblith"), lrs=[], views=0, say=say)
        except Interrupted:
            continue
        found.append((tmp_path / name / "linear.safetensors").read_bytes())
    assert found[0] == found[1]


@pytest.mark.slow
def test_a_head_is_judged_on_another_set_with_its_own_input(photo_folder: Path, tmp_path: Path) -> None:
    asked = config(photo_folder, tmp_path, share=0.5)
    run_linear(asked, find_protocol("moco", epochs=2, batch_size=9), lrs=[0.1], views=-1, say=SILENT.append)
    trained = json.loads((tmp_path / "linear.json").read_text())
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats" / "cat").symlink_to(photo_folder / "cat")
    said: list[str] = []
    path = str(tmp_path / "linear.safetensors")
    later = config(tmp_path / "cats", tmp_path, test=None, side=0)
    found = run_head(later, head=path, say=said.append)
    assert json.loads((tmp_path / "test-cats.json").read_text()) == found
    assert (found["side"], found["share"], found["test_images"], said) == (32, 0.5, 18, [])
    whole = run_head(config(photo_folder, tmp_path, side=0, test=None), head=path, say=said.append)
    assert (whole["top1"], whole["per_class"]) == (trained["top1"], trained["per_class"])
    assert found["top1"] == found["per_class"]
    run_head(config(photo_folder, tmp_path, side=48, test=None), head=path, say=said.append)
    assert said == ["eval-ssl: warning: the head was trained with side 32, and is tested with 48"]


def test_the_test_folders_images_are_numbered_by_the_heads_names(photo_folder: Path, tmp_path: Path) -> None:
    """A classifier without names, and a list of them: its class 0 is coffee."""
    encoder = load_encoder("random", torch.device("cpu"), "tiny")
    weights = encoder.network.state_dict() | {"fc.weight": torch.zeros(4, 64), "fc.bias": torch.eye(4)[0]}
    torch.save(weights, tmp_path / "w.pth")
    names = tmp_path / "names.txt"
    names.write_text("coffee hot, to drink\nmug\ncat\nastronaut\n")
    asked = config(photo_folder, tmp_path, checkpoint=tmp_path / "w.pth", test=None)
    found = run_head(asked, head="own", names=names, say=SILENT.append)
    assert (found["top1"], found["test_images"]) == (pytest.approx(1 / 3), 54)
    assert len(open_images(photo_folder)) == 54
