"""Before a run in reduced precision its masks are compared with float32's, and the figures are logged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from maskgen.config.run_config import make_config
from maskgen.errors import UsageError
from maskgen.methods import PrecisionReport
from maskgen.pipelines.model.precision import check_precision_of, refuse_damage
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
def test_bfloat16_damages_the_masks_and_is_refused_with_the_logged_figures(
    shared_data: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    with pytest.raises(UsageError, match="--precision bf16 changes the masks") as caught:
        check_precision_of(config(shared_data, precision="bf16"), tmp_path)
    assert "--force-precision" in caught.value.remedy
    (logged,) = map(json.loads, (tmp_path / "run.log.jsonl").read_text().splitlines())
    assert logged["precision"] == "bf16"
    assert logged["iou_min"] <= logged["iou_mean"] < 0.99
    assert f"{logged['iou_mean']:.4f} (least {logged['iou_min']:.4f})" in str(caught.value)


def test_damage_may_be_forced_and_equal_masks_need_no_force() -> None:
    damaged, equal = PrecisionReport(0.9, 0.2, 12), PrecisionReport(0.99, 0.5, 12)
    refuse_damage(damaged, "bf16", forced=True)
    refuse_damage(equal, "mixed", forced=False)
    with pytest.raises(UsageError, match=r"on 12 photos .* 0\.9000 \(least 0\.2000\)"):
        refuse_damage(damaged, "bf16", forced=False)
