"""Many pairs: the same sums whatever the workers, and what becomes of empty truths, crowds and crashes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mask_files import SIZE, Deadly, box, coco, grid, half, paired, write

from maskgen.errors import EnvironmentFault, UsageError
from maskgen.evaluation.evaluate import Settings, disagreement, evaluate
from maskgen.evaluation.measures import measure


@pytest.mark.slow
def test_workers_and_order_do_not_change_a_bit(tmp_path: Path) -> None:
    names = [f"n{n:02d}" for n in range(19)]
    masks = write(tmp_path / "masks", **{name: grid(n) for n, name in enumerate(names)})
    truth = write(tmp_path / "truth", **{name: grid(100 + n) for n, name in enumerate(reversed(names))})
    found = paired(masks, truth)
    ticks: list[int] = []
    one, two = (evaluate(found.pairs, Settings((128,)), n, ticks.append) for n in (1, 2))
    assert one.scores == two.scores
    assert one.curves.tobytes() == two.curves.tobytes()
    assert ticks == [8, 16, 19] * 2
    scored = [measure(grid(n), grid(118 - n) > 128) for n in range(19)]
    assert [score.measures[0] for score in one.scores] == [s.measures for s in scored]
    assert one.curves[0] == pytest.approx(np.mean([s.curves for s in scored], axis=0))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_an_empty_truth_is_an_error_or_left_out(tmp_path: Path, workers: int) -> None:
    names = [f"n{n:02d}" for n in range(10)]
    masks = write(tmp_path / "masks", **{name: grid(n) for n, name in enumerate(names)})
    truth = write(tmp_path / "truth", **dict.fromkeys(names, half()))
    write(truth, n03=half() // 255)  # of 0 and 1
    found = paired(masks, truth)
    with pytest.raises(UsageError, match=r"no foreground: .*n03\.png\n.*0 and 1 instead of 0 and 255"):
        evaluate(found.pairs, Settings((128,)), workers)
    evaluation = evaluate(found.pairs, Settings((128,), skip_empty=True), workers)
    assert evaluation.empty == ("n03",)
    assert len(evaluation.scores) == 9
    left = [measure(grid(n), half() > 128).curves for n in range(10) if n != 3]
    assert evaluation.curves[0] == pytest.approx(np.mean(left, axis=0))


def test_nothing_but_empty_truths_is_an_error(tmp_path: Path) -> None:
    found = paired(write(tmp_path / "m", a=grid(0)), write(tmp_path / "t", a=np.zeros(SIZE, np.uint8)))
    with pytest.raises(UsageError, match="none of the 1 truths has any foreground"):
        evaluate(found.pairs, Settings((128,), skip_empty=True))


def test_disagreement_worked_by_hand() -> None:
    maps = [np.array([[0, 51]], np.uint8), np.array([[102, 51]], np.uint8), np.array([[51, 51]], np.uint8)]
    assert disagreement(maps) == pytest.approx((0.4 + 0.2 + 0.2) / 2 / 3)
    assert disagreement(maps[:1]) == 0
    assert disagreement(maps[:2], normalize=True) == pytest.approx((1 + 1) / 2)


def test_a_map_is_neither_praised_nor_blamed_in_a_crowd(tmp_path: Path) -> None:
    path = coco(tmp_path / "i.json", [box(2, 3, 8, 9), box(12, 0, 20, 12, crowd=1)])
    perfect = np.zeros((20, 30), np.uint8)
    perfect[3:9, 2:8] = 255
    greedy = perfect.copy()
    greedy[0:12, 12:20] = 255
    scores = [
        evaluate(paired(write(tmp_path / name, photo=levels), path).pairs, Settings((128,))).scores[0]
        for name, levels in (("perfect", perfect), ("greedy", greedy))
    ]
    assert scores[0] == scores[1]
    assert scores[0].measures[0].iou == 1


@pytest.mark.slow
def test_a_pair_that_kills_its_worker_ends_the_evaluation_naming_its_chunk(tmp_path: Path) -> None:
    names = [f"n{n:02d}" for n in range(10)]
    found = paired(
        write(tmp_path / "masks", **{name: grid(n) for n, name in enumerate(names)}),
        write(tmp_path / "truth", **dict.fromkeys(names, half())),
    )
    whole = [*found.pairs[:9], replace(found.pairs[9], truth=Deadly("deadly"))]
    with pytest.raises(EnvironmentFault, match="died twice on the same images: n08 to n09"):
        evaluate(whole, Settings((128,)), 2)
