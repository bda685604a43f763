"""Which shard goes to which node, with times given by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import EnvironmentFault
from maskgen.pipelines.executors.schedule import ATTEMPTS, Schedule
from maskgen.pipelines.shard.make import ShardJob


def jobs(count: int) -> list[ShardJob]:
    return [ShardJob(Path("out"), number, f"s-{number:06d}", ("jpg",), "f") for number in range(count)]


def numbers(given: list[ShardJob]) -> list[int]:
    return [job.number for job in given]


def test_a_node_gets_a_shard_for_each_worker_and_the_rest_as_it_goes() -> None:
    schedule = Schedule(jobs(40))
    schedule.join("a", 4, now=0.0)
    assert numbers(schedule.give("a", 0.0)) == [0, 1, 2, 3]
    assert schedule.give("a", 0.5) == []
    schedule.report("a", [1, 3], {0: 7, 2: 9})
    assert schedule.left == 38
    given = numbers(schedule.give("a", 4.0))
    assert given == [4, 5], "two shards in four seconds: half a shard is a second's work, and none lies ahead"
    assert schedule.holds("a") == 4


def test_a_fast_node_has_a_second_of_work_ahead() -> None:
    schedule = Schedule(jobs(1000))
    schedule.join("a", 2, now=0.0)
    given = numbers(schedule.give("a", 0.0))
    schedule.report("a", given, {})
    schedule.give("a", 2.0)  # a shard a second
    assert schedule.holds("a") == 2 + 1
    for second in range(3, 13):
        schedule.report("a", list(schedule_holds(schedule, "a")), {})
        schedule.give("a", float(second))
    done = 1000 - schedule.left
    assert schedule.holds("a") == 2 + int(done / 12)


def schedule_holds(schedule: Schedule, node: str) -> list[int]:
    """The numbers of what a node has."""
    return list(schedule._nodes[node].jobs)


def test_nothing_lies_ahead_on_one_node_while_another_would_be_idle() -> None:
    schedule = Schedule(jobs(24))
    for node in "ab":
        schedule.join(node, 2, now=0.0)
        schedule.report(node, numbers(schedule.give(node, 0.0)), {})
    schedule._nodes["a"].done = 1000  # as if it were very fast
    given = schedule.give("a", 1.0)
    assert len(given) == 2 + 20 // 4, "its workers, and a quarter of what waits"
    assert len(schedule.give("b", 1.0)) >= 2


def test_what_a_lost_node_held_is_given_first_in_its_order() -> None:
    schedule = Schedule(jobs(6))
    schedule.join("a", 3, now=0.0)
    schedule.join("b", 1, now=0.0)
    schedule.give("a", 0.0)
    schedule.report("a", [1], {0: 4, 2: 0})
    assert schedule.leave("a") == 2
    assert schedule.left == 5
    order = []
    for second in range(5):
        given = numbers(schedule.give("b", float(second)))
        order += given
        schedule.report("b", given, {})
    assert order == [0, 2, 3, 4, 5]
    assert schedule.left == 0


def test_a_shard_that_takes_nodes_down_at_the_same_image_ends_the_run() -> None:
    schedule = Schedule(jobs(1))
    for attempt in range(ATTEMPTS):
        node = f"node {attempt}"
        schedule.join(node, 1, now=0.0)
        schedule.give(node, 0.0)
        schedule.report(node, [], {0: 5})
        if attempt < ATTEMPTS - 1:
            schedule.leave(node)
    with pytest.raises(EnvironmentFault, match="4 nodes were lost at the same photo") as caught:
        schedule.leave(node)
    assert "s-000000" in str(caught.value)


def test_a_shard_that_gets_further_each_time_goes_on() -> None:
    schedule = Schedule(jobs(1))
    for attempt in range(3 * ATTEMPTS):
        schedule.join("a", 1, now=0.0)
        schedule.give("a", 0.0)
        schedule.report("a", [], {0: attempt})
        assert schedule.leave("a") == 1
    assert schedule.left == 1
