"""Where a process computes, and how exactly: devices, groups of processes, BatchNorm, rounding."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from maskgen.errors import EnvironmentFault
from maskgen.trainers.distributed.process_group import batchnorm_difference, join_process_group, set_numerics
from maskgen.trainers.presets import find_preset, with_overrides
from maskgen.trainers.settings import Settings

JOIN = """
import sys
from pathlib import Path
import torch
from maskgen.trainers.distributed.process_group import join_process_group
from maskgen.trainers.distributed.ranks import all_sum, rank, world
with join_process_group("cpu") as device:
    own, lines = rank(), [f"{device} {rank()} {world()} {int(all_sum(torch.tensor(rank() + 1)))}"]
lines.append(str(world()))
Path(sys.argv[1], f"{own}.txt").write_text("\\n".join(lines))
"""


def test_a_process_alone_joins_nothing() -> None:
    with join_process_group("cpu") as device:
        assert device == torch.device("cpu")
        assert not torch.distributed.is_initialized()


def test_a_gpu_that_is_not_there_is_missed_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCAL_RANK", "99")
    with (
        pytest.raises(EnvironmentFault, match="process 99 of this machine has no GPU"),
        join_process_group("cuda"),
    ):
        pass


@pytest.mark.slow
def test_two_processes_join_and_part(tmp_path: Path) -> None:
    script = tmp_path / "join.py"
    script.write_text(JOIN)
    launch = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        str(script),
        str(tmp_path),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(launch, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    said = [(tmp_path / f"{rank}.txt").read_text().splitlines() for rank in range(2)]
    assert said == [["cpu 0 2 3", "1"], ["cpu 1 2 3", "1"]]


@pytest.mark.parametrize(
    ("method", "changes", "device", "ranks", "told"),
    [
        ("byol", {"sync_batchnorm": "-1"}, "cpu", 2, "sync_batchnorm is -1, but torch cannot synchronize"),
        ("byol", {"sync_batchnorm": "-1"}, "cpu", 1, ""),
        ("byol", {"sync_batchnorm": "-1"}, "cuda", 2, ""),
        ("byol", {"sync_batchnorm": "0"}, "cpu", 2, ""),
        ("byol", {"sync_batchnorm": "8"}, "cpu", 4, ""),  # a rank's own 8 images
        ("byol", {"sync_batchnorm": "16"}, "cuda", 4, ""),  # 2 of 4 ranks with 8 each
        (
            "byol",
            {"sync_batchnorm": "16"},
            "cuda",
            1,
            "sync_batchnorm is 16, but BatchNorm's statistics are those of 32",
        ),
        (
            "byol",
            {"sync_batchnorm": "24"},
            "cuda",
            4,
            "sync_batchnorm is 24, but BatchNorm's statistics are those of 24",
        ),
        ("mocov2", {"bn_groups": "8"}, "cuda", 3, "bn_groups is 8, but 3 ranks make 6 groups"),
        ("mocov2", {"bn_groups": "8"}, "cuda", 16, "bn_groups is 8, but 16 ranks make 16 groups"),
        ("mocov2", {"bn_groups": "8"}, "cuda", 4, ""),
    ],
)
def test_what_batchnorm_does_otherwise_is_said(
    method: str, changes: dict[str, str], device: str, ranks: int, told: str
) -> None:
    preset = with_overrides(find_preset(method, "smoke"), {"batch_size": "32", **changes})
    said = batchnorm_difference(preset, device, ranks)
    assert said.startswith(told)
    assert bool(said) == bool(told)


def test_parts_of_a_batch_have_statistics_of_their_own() -> None:
    preset = with_overrides(find_preset("byol", "smoke"), {"batch_size": "32"})
    said = batchnorm_difference(preset, "cuda", ranks=2, parts=4)
    assert said.startswith("sync_batchnorm is -1, but BatchNorm's statistics are those of 8 images")
    assert batchnorm_difference(preset, "cuda", ranks=2) == ""


def test_arithmetic_is_set_as_asked() -> None:
    try:
        set_numerics(Settings(data="", output=Path(), deterministic=True))
        assert torch.are_deterministic_algorithms_enabled()
        assert torch.get_float32_matmul_precision() == "highest"
        set_numerics(Settings(data="", output=Path(), precision="bf16"))
        assert torch.get_float32_matmul_precision() == "high"
        assert not torch.are_deterministic_algorithms_enabled()
    finally:
        set_numerics(Settings(data="", output=Path()))
