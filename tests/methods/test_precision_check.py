"""The check that a precision keeps the masks: by hand, and with trained weights."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from maskgen.errors import EnvironmentFault
from maskgen.methods import MethodOptions, PrecisionReport, check_precision, resolve_network
from maskgen.methods.precision_check import overlap, sample_photos
from maskgen.release import PHOTOS

COUNT = 16
"""Photos that come with maskgen: as many as its table of them has rows."""
CHECKPOINT = "weights/u2netp/u2netp_from_fp16.pth"


@pytest.fixture(scope="module")
def options(shared_data: Path) -> MethodOptions:
    return MethodOptions(weights=str(shared_data / CHECKPOINT))


def test_overlap_by_hand() -> None:
    a = np.array([[True, True, False, False]])
    b = np.array([[False, True, True, False]])
    assert overlap(a, b) == pytest.approx(1 / 3)
    assert overlap(a, a) == 1
    assert overlap(a, ~a) == 0
    assert overlap(a & ~a, b & ~b) == 1


def test_the_limit_is_the_mean() -> None:
    assert PrecisionReport(0.99, 0.5, 12).ok
    assert not PrecisionReport(0.9899, 0.98, 12).ok


def test_the_photos_are_real_and_differ() -> None:
    photos = list(sample_photos())
    assert len(photos) == COUNT
    assert all(
        photo.dtype == np.uint8 and photo.shape[2] == 3 and min(photo.shape[:2]) > 180 for photo in photos
    )
    assert all(photo.std() > 20 for photo in photos)
    assert len((PHOTOS.parent / "photos.tsv").read_text().splitlines()) == COUNT + 1
    assert len({photo.tobytes() for photo in photos}) == len(photos)


@pytest.mark.slow
def test_the_photos_need_no_package_of_other_photos() -> None:
    program = """
import sys
sys.modules["skimage"] = None
from maskgen.methods.precision_check import sample_photos
print(len([*sample_photos()]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(COUNT)


def test_float32_is_its_own_reference() -> None:
    assert check_precision("u2netp", MethodOptions(weights="not-read.pth", precision="fp32")).ok


@pytest.mark.slow
def test_bfloat16_is_refused_and_mixed_is_not(options: MethodOptions) -> None:
    try:
        bad = check_precision("u2netp", replace(options, precision="bf16"))
    except EnvironmentFault as fault:
        pytest.skip(str(fault))  # a CPU without bfloat16
    assert not bad.ok
    assert 0.85 < bad.iou_mean < 0.97
    assert bad.iou_min < bad.iou_mean
    good = check_precision("u2netp", replace(options, precision="mixed"))
    assert good.ok
    assert good.images == bad.images == COUNT


def test_mixed_is_offered_by_what_can_do_it(options: MethodOptions) -> None:
    assert resolve_network("u2netp", replace(options, precision="mixed")).runtime in ("openvino", "torch")


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("precision", "kept"), [("tf32", True), ("fp16", True), ("mixed", True), ("bf16", False)]
)
def test_what_a_gpu_keeps(options: MethodOptions, precision: str, kept: bool) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no GPU")
    report = check_precision("u2netp", replace(options, device="cuda", precision=precision))
    assert report.ok == kept
