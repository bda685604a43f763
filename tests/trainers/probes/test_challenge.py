"""Neighbors on a challenge: as on each variant alone, and the gap between two of them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from maskgen.errors import UsageError
from maskgen.trainers.probes.setup import ProbeConfig
from maskgen.trainers.probes.tasks import run_knn


@pytest.fixture
def challenge(photo_folder: Path, tmp_path: Path) -> Path:
    """Two variants: the photos, and photos of which a class lies under another's name."""
    folder = tmp_path / "challenge"
    shutil.copytree(photo_folder, folder / "mixed_same" / "val")
    other = folder / "mixed_rand" / "val"
    shutil.copytree(photo_folder / "cat", other / "coffee")
    shutil.copytree(photo_folder / "astronaut", other / "astronaut")
    return folder


def knn(photos: Path, output: Path, **values: Any) -> dict[str, Any]:
    network: dict[str, Any] = {"checkpoint": "random", "backbone": "tiny", "device": torch.device("cpu")}
    given = {key: values.pop(key) for key in ("test",) if key in values}
    config = ProbeConfig(**network, data=photos, output=output, side=32, **({"test": None} | given))
    return run_knn(config, ks=[1, 3], temperature=0.07, **values)


def test_each_variant_is_judged_as_if_it_were_alone(
    photo_folder: Path, challenge: Path, tmp_path: Path
) -> None:
    found = knn(photo_folder, tmp_path / "out", challenge=challenge)
    for name in ("mixed_same", "mixed_rand"):
        alone = knn(photo_folder, tmp_path / name, test=challenge / name / "val")
        for k in ("knn_1", "knn_3"):
            assert found["challenge"][k][name] == alone[k]
        assert found["variants"][name] == alone["test"]
    accuracies = found["challenge"]["knn_1"]
    assert accuracies["mixed_same"] == 1  # each photo is its own neighbor
    assert accuracies["mixed_rand"] == 0.5  # so is each cat
    assert accuracies["bg_gap"] == 0.5
    assert json.loads((tmp_path / "out" / "knn.json").read_text()) == found


def test_without_both_mixed_variants_there_is_no_gap(
    photo_folder: Path, challenge: Path, tmp_path: Path
) -> None:
    shutil.rmtree(challenge / "mixed_rand")
    found = knn(photo_folder, tmp_path / "out", challenge=challenge)
    assert set(found["challenge"]["knn_1"]) == {"mixed_same"}
    assert "challenge" not in knn(photo_folder, tmp_path / "plain")


def test_a_folder_of_something_else_is_refused(photo_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no variant of a challenge") as error:
        knn(photo_folder, tmp_path / "out", challenge=photo_folder)
    assert "maskgen challenge" in str(error.value)
