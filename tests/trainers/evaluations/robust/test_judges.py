"""Judges against cases that are worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from maskgen.trainers.evaluations.robust.judges import ByClass, ByGroup, ByLists, ShapeOrTexture, mark_of

LOGITS = torch.tensor(
    [
        [5.0, 4, 3, 2, 1, 0, -1],
        [0.0, 1, 2, 3, 4, 5, 6],
        [0.0, 9, 0, 8, 0, 0, 7],
    ]
)
ALL = slice(0, 3)


def test_the_best_output_and_the_best_five() -> None:
    judge = ByClass(np.array([0, 2, 3]))
    assert judge(LOGITS, ALL) == {"images": 3, "top1": 1, "top5": 3}
    assert ByClass(np.array([6, 1, 1]))(LOGITS, ALL) == {"images": 3, "top1": 1, "top5": 1}


def test_only_members_are_answers() -> None:
    """Without output 1 the last answer is 3; without 4, 5 and 6 the second is 3."""
    judge = ByClass(np.array([0, 3, 3]), np.array([0, 2, 3]))
    assert judge(LOGITS, ALL) == {"images": 3, "top1": 3, "top5": 3}
    assert ByClass(np.array([0, 3, 3]))(LOGITS, ALL)["top1"] == 1


def test_any_of_a_list_is_right_and_an_empty_list_is_skipped() -> None:
    judge = ByLists([[3, 0], [], [0]])
    assert judge(LOGITS, ALL) == {"images": 2, "top1": 1, "skipped": 1}


def test_reals_accuracy_is_that_of_timm(tmp_path: object) -> None:
    timm_data = pytest.importorskip("timm.data", reason="timm is not installed")
    rng = np.random.default_rng(0)
    lists = [rng.choice(1000, rng.integers(0, 4), replace=False).tolist() for _ in range(60)]
    logits = torch.randn(60, 1000, generator=torch.Generator().manual_seed(0))
    for row in range(0, 60, 3):
        if lists[row]:
            logits[row, lists[row][0]] = 9
    path = f"{tmp_path}/real.json"
    with open(path, "w") as file:  # noqa: PTH123
        file.write(str(lists))
    names = [f"ILSVRC2012_val_{n:08d}.JPEG" for n in range(1, 61)]
    peer = timm_data.RealLabelsImagenet(names, real_json=path)
    peer.add_result(logits)
    counts = ByLists(lists)(logits, slice(0, 60))
    assert 0 < counts["top1"] < counts["images"] < 60
    assert 100 * counts["top1"] / counts["images"] == pytest.approx(peer.get_accuracy(k=1))


def test_outputs_that_belong_to_no_group_are_wrong() -> None:
    groups = np.array([0, -1, 0, 1, 1, 1, 0])
    assert ByGroup(np.array([0, 0, 1]), groups)(LOGITS, ALL) == {"images": 3, "top1": 2}
    assert ByGroup(np.array([0, 1, 1]), groups)(LOGITS, ALL) == {"images": 3, "top1": 1}


def test_a_class_has_the_mean_of_its_outputs_probabilities() -> None:
    """Worked by hand: outputs 0 and 1 are class 0 with .5 and .1, output 2 is class 1 with .35: .3 < .35."""
    logits = torch.tensor([[0.5, 0.1, 0.35, 0.05]]).log()
    groups = np.array([0, 0, 1, -1])
    texture = ShapeOrTexture(np.array([0]), np.array([1]), groups)(logits, slice(0, 1))
    assert texture == {"images": 1, "shape": 0, "texture": 1}
    shape = ShapeOrTexture(np.array([1]), np.array([0]), groups)(logits, slice(0, 1))
    assert shape == {"images": 1, "shape": 1, "texture": 0}
    same = ShapeOrTexture(np.array([1]), np.array([1]), groups)(logits, slice(0, 1))
    assert same == {"images": 0, "shape": 0, "texture": 0}  # no conflict


def test_batches_are_told_apart() -> None:
    judge = ByClass(np.array([0, 2, 3]))
    parts = [judge(LOGITS[rows], rows) for rows in (slice(0, 2), slice(2, 3))]
    assert [part["top1"] for part in parts] == [1, 0]


def test_what_is_right_is_part_of_a_judges_mark() -> None:
    first, second = (ByClass(np.array(labels)) for labels in ([0, 1], [1, 0]))
    assert mark_of(first) != mark_of(second)
    assert mark_of(first) == mark_of(ByClass(np.array([0, 1])))
    assert mark_of(ByLists([[1], []])) != mark_of(ByLists([[], [1]]))
