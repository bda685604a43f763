"""RELICv2's grid: the paper's values, each point once, the same from the same seed."""

from __future__ import annotations

from collections import Counter

from maskgen.trainers.heads.protocols import find_protocol
from maskgen.trainers.heads.sweep import draw_trials

SWEEP = find_protocol("relicv2-transfer")


def test_the_whole_grid_is_the_papers() -> None:
    grid = draw_trials(SWEEP, 100_000, seed=0)
    assert len(grid) == 9 * 4 * 6 * 2 * 2 * 2 * 5 == len(set(grid))
    assert Counter(point.epochs for point in grid) == dict.fromkeys((20, 30, 60, 80, 100), 1728)
    assert {point.batch_size for point in grid} == {128, 256, 512, 1024}
    assert {point.weight_decay for point in grid} == {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1}
    assert {(p.warmup_epochs, p.momentum, p.nesterov) for p in grid} == {
        (warmup, momentum, nesterov)
        for warmup in (0, 10)
        for momentum in (0.9, 0.99)
        for nesterov in (False, True)
    }


def test_a_budget_is_drawn_by_its_seed_and_grows_at_its_end() -> None:
    few, more = draw_trials(SWEEP, 5, seed=1), draw_trials(SWEEP, 9, seed=1)
    assert more[:5] == few
    assert draw_trials(SWEEP, 5, seed=2) != few
    assert {point.solver for point in few} == {"sgd"}
    assert {point.lr for point in draw_trials(SWEEP, 20, seed=0, lrs=[3.0])} == {3.0}
