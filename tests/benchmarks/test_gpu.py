"""The command that measures a GPU, rehearsed on the CPU: no part that fails takes the table with it."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "benchmarks"))
gpu: Any = importlib.import_module("gpu")
tables: Any = importlib.import_module("gpu_table")


def cells(text: str) -> dict[tuple[str, str], tuple[str, str]]:
    """Figure and note by part and case of a table."""
    lines = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")]
    rows = [line for line in lines if line[0] != "part"]
    return {(line[0], line[1]): (line[2], line[-1].strip("| ")) for line in rows}


def rehearse(folder: Path, *words: str) -> tuple[dict[tuple[str, str], tuple[str, str]], str]:
    command = [sys.executable, "benchmarks/gpu.py", "--device", "cpu", "--tiny", *words]
    done = subprocess.run(
        [*command, "--out", str(folder / "gpu.md"), "--work", str(folder / "work")],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    text = (folder / "gpu.md").read_text()
    return cells(text), text + done.stdout


@pytest.mark.slow
def test_a_rehearsal_has_a_figure_for_every_case(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("nvidia.dali", reason="or rows say that it is not installed")
    found, said = rehearse(tmp_path, "--parts", "prepare,loader,training")
    parts = [part for part in gpu.parts("cpu") if part.name in ("prepare", "loader", "training")]
    assert list(found) == [(part.name, case) for part in parts for case in part.cases]
    assert all(float(figure.replace(",", "")) > 0 for figure, _ in found.values()), said
    assert "Device: **CPU" in said
    see_the_rival(tmp_path / "work" / "shards")


def see_the_rival(shards: Path) -> None:
    """It makes two views of each photo, by either kind of draws."""
    from maskgen.loaders import open_dataset

    rivals: Any = importlib.import_module("rivals")
    for views in ("each", "batch"):
        batches = rivals.on_device(open_dataset(shards), batch=2, device="cpu", views=views)
        one, two = next(batches)
        assert one.shape == two.shape == (2, 3, 224, 224)
        assert str(one.dtype) == "torch.uint8"
        assert (one != two).any()


@pytest.mark.slow
def test_a_part_that_fails_or_runs_out_of_time_is_rows_that_say_so(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    # no shards were prepared, and the second part has no time left
    found, said = rehearse(tmp_path, "--parts", "torch-loader,stage1", "--minutes", "0.0001")
    assert all(figure == "-" for figure, _ in found.values())
    assert "out of time" in found["torch-loader", "plain"][1]
    assert found["stage1", "fast end to end"][1] == "no time was left", said
    found, said = rehearse(tmp_path, "--parts", "torch-loader")
    assert {case for _, case in found} == set(gpu.TORCH_CASES)
    assert "failed (exit 1)" in found["torch-loader", "swaps"][1]
    assert "shards" in found["torch-loader", "swaps"][1]  # the last words of its error


def outcome(cases: tuple[str, ...], rows: list[Any], problem: str = "") -> Any:
    return tables.Outcome(tables.Part("some", cases, 1.0), rows, 2.0, problem)


def test_rows_stand_in_the_parts_order_and_the_last_figure_counts() -> None:
    rows = [tables.Row("b", 1.0), tables.Row("a", 2.0, "images/s"), tables.Row("b", 12345.6, "", "x | y\nz")]
    found = cells(tables.table(["Device: one"], [outcome(("a", "b", "c"), rows, "out of time after 1 s")]))
    assert found["some", "a"][0] == "2"
    assert list(found) == [("some", "a"), ("some", "b"), ("some", "c")]
    assert found["some", "b"][0] == "12,346"
    assert found["some", "c"] == ("-", "out of time after 1 s")


def test_what_a_part_wrote_before_it_was_killed_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    tables.report(path, tables.Row("a", 1.0))
    with path.open("a") as file:
        file.write('{"case": "b", "fig')  # torn
    assert tables.read_rows(path) == [tables.Row("a", 1.0)]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_all_parts_together_end_within_nine_minutes(device: str) -> None:
    parts = gpu.parts(device)
    assert sum(part.limit_s for part in parts) <= 540
    assert len({part.name for part in parts}) == len(parts)
