"""Subsets of a data set: drawn evenly, by class, long-tailed, or named."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from maskgen.errors import UsageError
from maskgen.shards.subset import Subset, SubsetDraw, class_sizes, draw_rank
from maskgen.types import Label

KEYS = [f"c{number % 7}_{number:03d}" for number in range(140)]


def drawn(subset: Subset, keys: list[str] = KEYS, labels: dict[str, Label] | None = None) -> list[str]:
    draw = SubsetDraw(subset)
    for key in keys:
        draw.add(key, labels[key] if labels else int(key[1]))
    return [key for key, taken in zip(keys, draw.chosen().tolist(), strict=True) if taken]


def test_a_sample_depends_on_the_keys_and_the_seed_alone() -> None:
    first = drawn(Subset(sample=40, seed=3))
    assert len(first) == 40
    assert sorted(drawn(Subset(sample=40, seed=3), KEYS[::-1])) == sorted(first)
    assert set(drawn(Subset(sample=20, seed=3))) < set(first)
    assert drawn(Subset(sample=40, seed=4)) != first
    by_hand = sorted(KEYS, key=lambda key: draw_rank(key, 3))[:40]
    assert set(by_hand) == set(first)


def test_each_image_is_as_likely_as_any_other() -> None:
    """Each of 140 images is drawn in 20 of 140 cases: a chi-square sum over 400 seeds, within 4 sigma."""
    hits = np.zeros(140)
    for seed in range(400):
        ranks = np.array([draw_rank(key, seed) for key in KEYS], np.uint64)
        hits[np.argsort(ranks)[:20]] += 1
    expected, variance = 400 / 7, 400 * (1 / 7) * (6 / 7)
    chi = ((hits - expected) ** 2 / variance).sum() * 139 / 140
    assert abs(chi - 139) < 4 * np.sqrt(2 * 139)


def test_by_class_takes_as_many_of_each() -> None:
    sizes = Counter(key[1] for key in drawn(Subset(sample=58, by="classes")))
    assert sorted(sizes.values()) == [8, 8, 8, 8, 8, 9, 9]


def test_a_small_class_gives_all_it_has_and_the_others_the_rest() -> None:
    keys = [key for key in KEYS if key[1] != "0"] + ["c0_1", "c0_2"]
    sizes = Counter(key[1] for key in drawn(Subset(sample=62, by="classes"), keys))
    assert sizes.pop("0") == 2
    assert set(sizes.values()) == {10}


def test_the_long_tail_is_that_of_imagenet_lt() -> None:
    """Published of ImageNet-LT (Liu et al. 2019): 115,846 images, 5 to 1,280 a class; 385 classes of more
    than 100 images, 136 of fewer than 20.
    """
    sizes = class_sizes(115_846, np.full(1000, 1300), 6.0)
    assert sizes.sum() == 115_846
    assert 1200 <= sizes.max() <= 1300
    assert sizes.min() == 5
    assert abs((sizes > 100).sum() - 385) <= 15
    assert abs((sizes < 20).sum() - 136) <= 15


def test_the_long_tail_is_a_pareto_law() -> None:
    """Far from caps and floor, the share of classes above x falls as (1 + x / scale)**-alpha."""
    classes, alpha = 2000, 3.0
    sizes = class_sizes(4_000_000, np.full(classes, 10**9), alpha) - 5
    scale = sizes[0] / ((0.5 / classes) ** (-1 / alpha) - 1)
    for x in (500, 2000, 8000):
        assert (sizes > x).mean() == pytest.approx((1 + x / scale) ** -alpha, abs=0.002)


@pytest.mark.parametrize("alpha", [None, 0.1, 1.0, 6.0, 1000.0])
def test_sizes_sum_up_and_fit_whatever_the_classes_have(alpha: float | None) -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        available = rng.integers(1, 60, rng.integers(1, 30))
        total = int(rng.integers(0, available.sum() + 1))
        sizes = class_sizes(total, available, alpha)
        assert sizes.sum() == total
        assert (sizes >= 0).all()
        assert (sizes <= available).all()


def test_which_class_is_the_head_follows_the_seed() -> None:
    heads = set()
    for seed in range(30):
        sizes = Counter(key[1] for key in drawn(Subset(sample=30, by="pareto", seed=seed)))
        assert sorted(sizes.values()) == sorted(class_sizes(30, np.full(7, 20), 6.0).tolist())
        heads.add(max(sizes, key=lambda one: sizes[one]))
    assert len(heads) == 7


def test_a_file_names_samples_by_key_or_path(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("c3_010\r\nc5_005.JPEG\n\nc6/013.jpg\n", encoding="utf-8")
    assert drawn(Subset(keys=names)) == ["c5_005", "c3_010", "c6_013"]
    one = drawn(Subset(keys=names, sample=1, seed=0))
    assert len(one) == 1
    assert one[0] in ("c3_010", "c5_005", "c6_013")


def test_what_cannot_be_had_is_refused(tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("c3_010\nc9_999\nc8.jpg\n")
    with pytest.raises(UsageError, match=r"2 of the keys are not in the data set: c9_999, c8.jpg in .*names"):
        drawn(Subset(keys=names))
    names.write_text("\n")
    with pytest.raises(UsageError, match="names no key"):
        drawn(Subset(keys=names))
    with pytest.raises(UsageError, match="cannot read the keys"):
        drawn(Subset(keys=tmp_path / "absent"))
    with pytest.raises(UsageError, match="a sample of 141 of 140 images"):
        drawn(Subset(sample=141))
    with pytest.raises(UsageError, match="c1_001 has none"):
        drawn(Subset(sample=2, by="classes"), labels={**dict.fromkeys(KEYS, 0), "c1_001": None})
    with pytest.raises(UsageError, match="c1_001 has several"):
        drawn(Subset(sample=2, by="pareto"), labels={**dict.fromkeys(KEYS, 0), "c1_001": (1, 2)})
    for wrong in ({"sample": -1}, {"seed": -1}, {"alpha": 0.0}, {"alpha": float("nan")}, {"by": "class"}):
        with pytest.raises(UsageError):
            Subset(**wrong)  # type: ignore[arg-type]
