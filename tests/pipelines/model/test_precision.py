"""Before a run in reduced precision its masks are compared with float32's, and the figures are logged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maskgen.config.run_config import make_config
from maskgen.errors import UsageError
from maskgen.pipelines.model.precision import check_precision_of
from maskgen.pipelines.resolve import ResolvedConfig, resolve

WEIGHTS = "weights/u2netp/u2netp_from_fp16.pth"


def config(shared_data: Path, **options: object) -> ResolvedConfig:
    values = {"dataset": "sample", "output": "x", "method": "u2netp", "weights": str(shared_data / WEIGHTS)}
    return resolve(make_config({**values, "runtime": "torch", **options}))


def test_float32_and_methods_without_a_network_are_not_checked(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    check_precision_of(config(shared_data), tmp_path)
    check_precision_of(resolve(make_config({"dataset": "sample", "output": "x", "method": "mr"})), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_bfloat16_damages_the_masks_is_refused_and_may_be_forced(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with pytest.raises(UsageError, match="--precision bf16 changes the masks") as caught:
        check_precision_of(config(shared_data, precision="bf16"), tmp_path)
    assert "--force-precision" in caught.value.remedy
    check_precision_of(config(shared_data, precision="bf16", force_precision=True), tmp_path)
    first, second = map(json.loads, (tmp_path / "run.log.jsonl").read_text().splitlines())
    assert first["precision"] == "bf16"
    assert first["iou_min"] <= first["iou_mean"] < 0.99
    assert (first["iou_mean"], first["iou_min"]) == (second["iou_mean"], second["iou_min"])
