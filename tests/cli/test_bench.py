"""`maskgen bench`: its figures hang together, and its advice follows from them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_kit import fill_shards
from forge import forge, undecodable

pytest.importorskip("nvidia.dali", reason="the loader that is measured is DALI's")
pytest.importorskip("torch", reason="views are torch tensors")

from maskgen.loaders import open_dataset

pytestmark = pytest.mark.slow  # its fixtures are

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos, 90 x 120 to 100 x 120 px, with and without their photos in the shards."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "photos").mkdir()
    rng = np.random.default_rng(0)
    for number in range(6):
        photo = cv2.resize(rng.integers(0, 255, (5, 5, 3)).astype(np.uint8), (120, 90 + 2 * number))
        cv2.imwrite(str(folder / "photos" / f"p{number}.jpg"), photo)
    fill_shards(folder)
    return folder


QUICK = ("--batch-size", "3", "--seconds", "0.2")


def test_figures_hang_together(call: Call, folder: Path) -> None:
    recipes = ("--recipe", "mocov2-bg-swaps", "--recipe", "plain")
    status, out, _ = call(
        "bench", "loader", folder / "full", *QUICK, *recipes, "--threads", "1", "--torch", "--json"
    )
    assert status == 0
    facts = json.loads(out)
    assert (facts["samples"], facts["batch_size"], facts["threads"], facts["device"]) == (6, 3, 1, "cpu")
    rates = {(rate["recipe"], rate["loader"]): rate for rate in facts["rates"]}
    names = [(recipe, kind) for recipe in ("mocov2-bg-swaps", "plain") for kind in ("dali", "torch")]
    assert list(rates) == [("decode", "dali"), *names]
    for (recipe, _), rate in rates.items():
        assert rate["images_per_s"] > 0
        assert rate["cpu_ms"] > 0
        views = {"decode": 0, "mocov2-bg-swaps": 3, "plain": 1}[recipe]
        assert rate["views_per_s"] == pytest.approx(views * rate["images_per_s"])
        limit = rates["decode", "dali"]["images_per_s"]
        assert rate["of_decode"] == pytest.approx(rate["images_per_s"] / limit)
    assert facts["advice"]


def test_the_table_has_a_line_for_each_case(call: Call, folder: Path) -> None:
    status, out, _ = call("bench", "loader", folder / "full", *QUICK, "--recipe", "msr")
    assert status == 0
    lines = [line.split() for line in out.splitlines()]
    assert lines[0][:2] == ["6", "photos,"]
    assert [line[:2] for line in lines[2:4]] == [["decode", "dali"], ["msr", "dali"]]
    assert lines[2][-1] == "100.0%"


def test_sidecar_shards_are_measured_with_their_originals(call: Call, folder: Path) -> None:
    status, _, err = call("bench", "loader", folder / "sidecar", *QUICK)
    assert status == 2
    assert "--photos" in err
    options = (*QUICK, "--recipe", "plain", "--photos", folder / "photos", "--json")
    assert call("bench", "loader", folder / "sidecar", *options)[0] == 0


def test_mistakes(call: Call, folder: Path) -> None:
    status, _, err = call("bench", "loader", folder / "full", "--recipe", "mocov3")
    assert status == 2
    assert "did you mean 'mocov2'?" in err
    status, _, err = call("bench", "loader", folder / "full")
    assert status == 2
    assert "a batch of 64 from 6 samples" in err
    assert "Next: --batch-size 6, or a larger data set.\n" in err


def test_no_gpu_is_an_environment_fault(call: Call, folder: Path) -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    status, _, err = call("bench", "loader", folder / "full", *QUICK, "--recipe", "plain", "--device", "cuda")
    assert status == 3
    assert "GPU" in err
    assert "Next: --device cpu.\n" in err


def test_a_photo_that_does_not_decode_is_named_a_fault(call: Call, folder: Path, tmp_path: Path) -> None:
    """The loader replaces it; decoding alone says what to do."""
    copy = Path(shutil.copytree(folder / "full", tmp_path / "copy"))
    (key,) = open_dataset(copy).keys(np.array([2]))
    forge(copy, {key: {"jpg": undecodable}})
    status, _, err = call("bench", "loader", copy, *QUICK, "--recipe", "plain")
    assert status == 1
    assert "cannot be decoded" in err
    assert "maskgen verify --full" in err


def test_a_budget_has_a_line_for_each_part_and_the_sums(call: Call, folder: Path) -> None:
    options = ("--budget", "--input", folder / "photos", "--method", "box", "--seconds", "0.1")
    status, out, _ = call("bench", "stage1", *options)
    assert status == 0
    lines = out.splitlines()
    assert lines[0].endswith("kB")
    assert {"read", "decode", "mask.png", "tar", "commit"} <= {line.split()[0] for line in lines[2:]}
    sums = [line[:20].strip() for line in lines[-3:]]
    assert sums == ["the worker", "not explained", "all but the network"]
    status, out, _ = call("bench", "stage1", *options, "--json")
    facts = json.loads(out)
    assert facts["whole_ms"] > 0
    assert facts["parts"][0]["name"] == "read"
