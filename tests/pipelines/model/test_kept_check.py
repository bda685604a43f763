"""The check of a precision is made once, and again whenever something it depends on has changed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from maskgen.config.run_config import make_config
from maskgen.methods import PrecisionReport
from maskgen.pipelines.model import kept_check, precision
from maskgen.pipelines.model.kept_check import keep_report, kept_report
from maskgen.pipelines.resolve import ResolvedConfig, resolve

REPORT = PrecisionReport(0.997, 0.98, 16)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ResolvedConfig:
    monkeypatch.setenv("MASKGEN_WEIGHTS", str(tmp_path / "weights"))
    found = resolve(make_config({"dataset": "sample", "output": "x", "method": "fast"}))
    options = replace(found.options, precision="bf16")
    return replace(found, options=options, method=replace(found.method, precision="bf16"))


def test_a_result_is_kept_for_the_same_case_alone(
    config: ResolvedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert kept_report(config) is None
    keep_report(config, REPORT)
    assert kept_report(config) == REPORT
    assert kept_report(replace(config, method=replace(config.method, weights="elsewhere"))) == REPORT
    others = [
        replace(config, weights_sha256="0" * 64),
        replace(config, versions={**config.versions, "onnxruntime": "0"}),
        replace(config, method=replace(config.method, runtime="openvino")),
        replace(config, devices=("cuda",)),
    ]
    assert [kept_report(other) for other in others] == [None] * 4
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")
    assert kept_report(config) is None


def test_another_machine_checks_anew_and_one_that_is_not_known_keeps_nothing(
    config: ResolvedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_report(config, REPORT)
    (tmp_path / "cpuinfo").write_text("processor\t: 0\nmodel name\t: another\nflags\t\t: none\n")
    monkeypatch.setattr(kept_check, "_CPU", tmp_path / "cpuinfo")
    assert kept_report(config) is None
    keep_report(config, REPORT)
    assert kept_report(config) == REPORT
    monkeypatch.setattr(kept_check, "_CPU", tmp_path / "absent")
    keep_report(config, REPORT)
    assert kept_report(config) is None
    assert len(list((tmp_path / "weights" / "checks").iterdir())) == 2


def test_a_damaged_result_is_no_result_and_a_folder_that_cannot_be_written_no_fault(
    config: ResolvedConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_report(config, REPORT)
    (path,) = (tmp_path / "weights" / "checks").iterdir()
    path.write_text(path.read_text().replace("0.98", "0.99"))
    assert kept_report(config) is None
    (tmp_path / "file").touch()
    monkeypatch.setenv("MASKGEN_WEIGHTS", str(tmp_path / "file" / "weights"))
    keep_report(config, REPORT)
    assert kept_report(config) is None


def test_a_run_with_a_kept_result_starts_no_process_for_it(
    config: ResolvedConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep_report(config, REPORT)
    monkeypatch.setattr(precision, "ProcessPoolExecutor", None)  # calling it would fail
    assert precision.compare_precision(config) == REPORT
