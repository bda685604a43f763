"""Two ranks on gloo against one process with the joint batch; and one rank without a process group."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from maskgen.trainers.data.batch import Views
from maskgen.trainers.distributed import ranks
from maskgen.trainers.presets import PRESETS, with_overrides

pytestmark = pytest.mark.slow  # its fixtures are

MakeViews = Callable[..., Views]
WORLD = 2

# method, changes, whether BatchNorm uses running statistics. Two BatchNorm groups of a joint batch are two
# ranks, and so
# MoCo v2 and kNN-MoCo need no such help. All rows of BG_Swaps are matched: what the others get is drawn per
# rank.
CASES: dict[str, tuple[str, dict[str, str], bool]] = {
    "mocov2": ("mocov2", {"queue": "30", "bn_groups": "2"}, False),
    "bg-swaps": ("mocov2", {"recipe": "mocov2-bg-swaps", "negative_p": "1", "queue": "30"}, True),
    "simclr": ("simclr", {}, True),
    "simclr with bg-swaps": ("simclr", {"recipe": "simclr-bg-swaps", "negative_p": "1"}, True),
    "six views, mocov2": ("mocov2", {"recipe": "relicv2", "queue": "100"}, True),
    "simsiam": ("simsiam", {}, True),
    "byol": ("byol", {}, True),
    "swav": ("swav", {"queue": "16", "freeze_prototypes": "1"}, True),
    "relicv2": ("relicv2", {}, True),
    "cast": ("cast", {"queue": "30"}, True),
    "msr": ("msr", {}, True),
    "knn-moco": ("knn-moco", {"queue": "30", "bn_groups": "2"}, False),
    "supervised": ("supervised", {}, True),
    "simclr in less memory": ("simclr", {}, True),
    "relicv2 in less memory": ("relicv2", {}, True),
    "cast in less memory": ("cast", {"queue": "30"}, True),
}

# Still BatchNorm leaves this one's activations, and so its gradients, large: in three steps the rounding of
# single precision moves weights by up to 4e-5, depending on the CPU. In double only the loss rounds.
DOUBLE = ("supervised",)


def case_of(name: str, make_views: MakeViews) -> dict[str, Any]:
    method, changes, still = CASES[name]
    preset = with_overrides(PRESETS[method]["smoke"], changes)
    batches = []
    for step in range(3):
        views = make_views(preset, batch=12, seed=step)
        batch = {f.name: getattr(views, f.name) for f in fields(Views)}
        if batch["matched"] is not None:
            batch["matched"] = torch.ones(12, dtype=torch.bool)
        batches.append(batch)
    saves = "less memory" in name
    found = {"method": method, "changes": changes, "still": still, "saves": saves, "double": name in DOUBLE}
    return {**found, "seed": 3, "batches": batches}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory, make_views: MakeViews) -> dict[str, Any]:
    """What each rank of two got, and one process alone."""
    folder = tmp_path_factory.mktemp("ranks")
    torch.save({name: case_of(name, make_views) for name in CASES}, folder / "in")
    script = Path(__file__).with_name("ranks.py")
    runs = []
    for rank, world in ((0, WORLD), (1, WORLD), (0, 1)):
        made = folder / f"out-{rank}-{world}"
        command = [
            sys.executable,
            str(script),
            str(rank),
            str(world),
            str(folder / "meet"),
            str(folder / "in"),
            str(made),
        ]
        runs.append((made, subprocess.Popen(command, stderr=subprocess.PIPE, text=True)))
    found = []
    for made, run in runs:
        _, errors = run.communicate(timeout=200)
        assert run.returncode == 0, errors
        found.append(torch.load(made, weights_only=True))
    return {"ranks": found[:2], "alone": found[2]}


@pytest.mark.parametrize("name", CASES)
def test_two_ranks_train_as_one_process_with_the_joint_batch(name: str, results: dict[str, Any]) -> None:
    ranks, alone = [rank[name] for rank in results["ranks"]], results["alone"][name]
    mean = torch.stack([rank["losses"] for rank in ranks]).mean(0)
    loose, close = (1e-6, 1e-6) if name in DOUBLE else (1e-4, 2e-5)
    torch.testing.assert_close(mean, alone["losses"], rtol=close, atol=close)
    assert len(set(alone["losses"].tolist())) == 3
    for key, value in alone["state"].items():
        assert torch.equal(ranks[0]["state"][key], ranks[1]["state"][key]), key
        torch.testing.assert_close(
            ranks[0]["state"][key], value, rtol=loose, atol=close, msg=lambda m, key=key: f"{key}: {m}"
        )


def test_ranks_have_different_losses(results: dict[str, Any]) -> None:
    """So that the mean above says something."""
    for name in CASES:
        first, second = (rank[name]["losses"] for rank in results["ranks"])
        assert not torch.allclose(first, second), name


def test_gathering_keeps_rank_order_and_sums_gradients(results: dict[str, Any]) -> None:
    rows = torch.arange(6.0).reshape(3, 2)
    for number, rank in enumerate(results["ranks"]):
        made = rank["primitives"]
        assert made["place"].tolist() == [number, WORLD]
        assert torch.equal(made["gathered"], torch.cat([rows, rows + 10]))
        assert torch.equal(made["own"], made["rows"])
        assert torch.equal(made["sum"], 2 * rows + 10)
        assert torch.equal(made["turned"], made["sum"].T)  # however the numbers lie in memory
        weights = torch.arange(12.0).reshape(6, 2)  # the first rank's; the second's are twice that
        assert torch.equal(made["gradient"], 3 * weights[3 * number : 3 * number + 3])


def test_the_shuffle_mixes_ranks_and_is_undone(results: dict[str, Any]) -> None:
    made = [rank["primitives"] for rank in results["ranks"]]
    dealt = torch.cat([part["dealt"] for part in made])
    assert sorted(dealt.tolist()) == sorted(torch.cat([part["rows"] for part in made]).tolist())
    assert (made[0]["dealt"] >= 10).any()
    for part in made:
        assert torch.equal(part["back"], part["rows"])


def test_alone_everything_is_the_identity() -> None:
    rows = torch.randn(5, 2, requires_grad=True)
    assert (ranks.rank(), ranks.world()) == (0, 1)
    assert ranks.all_gather_with_grad(rows) is rows
    for value in (ranks.all_gather(rows), ranks.all_sum(rows), ranks.own_rows(rows)):
        assert torch.equal(value, rows)
    assert torch.equal(ranks.unshuffle(ranks.shuffle(rows, 4), 4), rows)


def test_shuffles_follow_from_the_step() -> None:
    rows: Tensor = torch.arange(50.0)[:, None]
    assert torch.equal(ranks.shuffle(rows, 4), ranks.shuffle(rows, 4))
    assert not torch.equal(ranks.shuffle(rows, 4), ranks.shuffle(rows, 5))
    assert not torch.equal(ranks.shuffle(rows, 4), ranks.shuffle(rows, 4, seed=1))
    assert torch.equal(ranks.unshuffle(ranks.shuffle(rows, 4, seed=1), 4, seed=1), rows)
    draws = {
        int(torch.randint(0, 2**62, (), generator=ranks.step_generator(s, k, seed=seed)))
        for s in range(50)
        for k in range(4)
        for seed in range(3)
    }
    assert len(draws) == 600


@pytest.mark.parametrize(
    ("images", "per_rank", "world", "together"),
    [
        (512, 64, 64, 8),  # Ryali et al.: groups of 8 of 64 GPUs
        (512, 256, 16, 2),  # the same images on fewer GPUs
        (512, 512, 8, 1),
        (512, 4096, 1, 1),
        (512, 64, 4, 4),  # no more ranks than there are
        (-1, 64, 4, 4),
        (0, 64, 4, 1),
    ],
)
def test_batchnorm_is_shared_by_images_whatever_the_ranks(
    images: int, per_rank: int, world: int, together: int
) -> None:
    assert ranks.batchnorm_ranks(images, per_rank, world) == together


def test_a_cpu_keeps_plain_batchnorm() -> None:
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    assert ranks.synchronize_batchnorm(net, ranks.SYNC_ALL, per_rank=4) is net
    assert type(net[1]) is nn.BatchNorm1d
