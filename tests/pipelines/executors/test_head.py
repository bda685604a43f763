"""The head of a cluster is waited for, and given up with a sentence before Ray gives up without one."""

from __future__ import annotations

import pytest

from maskgen.errors import Interrupted
from maskgen.pipelines.executors.head import PATIENCE_S, Head, Machine


def test_a_head_that_comes_back_is_waited_for_and_one_that_does_not_ends_the_run() -> None:
    said: list[str] = []
    there = {"n1": Machine("host", 2, 0)}
    answers = True

    def ask() -> dict[str, Machine]:
        if not answers:
            raise TimeoutError
        return there

    head = Head("10.0.0.1:6379", said.append, ask)
    assert head.nodes(0) == there
    answers = False
    assert head.nodes(1) is None
    assert head.nodes(PATIENCE_S) is None
    assert said == ["the head of the cluster does not answer: nodes go on, and it is waited for"]
    answers = True
    assert head.nodes(2 * PATIENCE_S) == there
    assert said[1:] == ["the head of the cluster answers again"]
    answers = False
    assert head.nodes(3 * PATIENCE_S) is None
    with pytest.raises(Interrupted, match="head of the Ray cluster is gone") as caught:
        head.nodes(4 * PATIENCE_S)
    assert caught.value.exit_code == 75
    assert "run the same command again" in caught.value.remedy
