"""The photos that choose and those that judge, as the rule says it in words."""

from __future__ import annotations

import pytest

from maskgen.errors import UsageError
from maskgen.evaluation.halves import half_of


@pytest.mark.parametrize("number", [1, 129, 461, 639, 999])
def test_odd_numbers_of_ecssd_judge_and_their_neighbors_choose(number: int) -> None:
    assert half_of("ecssd", number) == "judge"
    assert half_of("ecssd", number + 1) == "choose"


def test_pascal_s_is_cut_where_the_rule_says() -> None:
    choosing = [number for number in range(1, 851) if half_of("pascal_s", number) == "choose"]
    edges = [number for number in choosing if number - 1 not in choosing or number + 1 not in choosing]
    assert edges == [1, 20, 41, 100]
    assert len(choosing) == 20 + 60


def test_a_collection_without_a_rule_is_refused_and_not_taken_for_one_that_judges() -> None:
    with pytest.raises(UsageError, match="no halves are known of 'ecsdd'"):
        half_of("ecsdd", 2)


def test_numbers_begin_with_one() -> None:
    with pytest.raises(UsageError, match="numbered from 1"):
        half_of("ecssd", 0)
