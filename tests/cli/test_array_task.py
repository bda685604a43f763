"""Which task of an array this is. The environments of Slurm are those that Slurm 22.05 gave to arrays
submitted by the words in the tests' tables."""

from __future__ import annotations

import pytest

from maskgen.cli.array_task import find_task
from maskgen.errors import UsageError

SLURM = "SLURM_ARRAY_TASK_"


def slurm(index: int, count: int, least: int, most: int, step: int) -> dict[str, str]:
    parts = {"ID": index, "COUNT": count, "MIN": least, "MAX": most, "STEP": step}
    return {SLURM + part: str(value) for part, value in parts.items()}


@pytest.mark.parametrize(
    ("words", "indices", "told"),
    [
        ("0-3", (0, 1, 2, 3), (4, 0, 3, 1)),
        ("0-3%2", (0, 1, 2, 3), (4, 0, 3, 1)),
        ("1-7:2", (1, 3, 5, 7), (4, 1, 7, 2)),
        ("5", (5,), (1, 5, 5, 1)),
        ("3-5", (3, 4, 5), (3, 3, 5, 1)),
    ],
)
def test_a_slurm_array_is_a_whole_wherever_it_begins(
    words: str, indices: tuple[int, ...], told: tuple[int, int, int, int]
) -> None:
    found = [find_task(slurm(index, *told)) for index in indices]
    assert found == [(place, len(indices)) for place in range(len(indices))], words


@pytest.mark.parametrize(
    ("words", "indices", "told"),
    [
        ("0,3,7", (0, 3, 7), (3, 0, 7, 1)),
        ("1,2,5-6", (1, 2, 5, 6), (4, 1, 6, 1)),
        ("2,4,6", (2,), (3, 2, 6, 1)),
    ],
)
def test_an_array_with_holes_is_refused_or_counted_by_its_indices(
    words: str, indices: tuple[int, ...], told: tuple[int, int, int, int]
) -> None:
    for index in indices:
        with pytest.raises(UsageError, match=rf"with holes(?s:.*)--array=0-{told[0] - 1}.*MASKGEN_TASKS"):
            find_task(slurm(index, *told))
        assert find_task({**slurm(index, *told), "MASKGEN_TASKS": "8"}) == (index, 8), words


def test_an_indexed_job_says_how_many_by_our_variable() -> None:
    assert find_task({"JOB_COMPLETION_INDEX": "7", "MASKGEN_TASKS": "8"}) == (7, 8)
    with pytest.raises(UsageError, match=r"MASKGEN_TASKS is not set(?s:.*)completions"):
        find_task({"JOB_COMPLETION_INDEX": "7"})


@pytest.mark.parametrize("missing", ["COUNT", "MIN", "MAX", "STEP"])
def test_what_slurm_should_have_said_is_named(missing: str) -> None:
    environment = slurm(1, 4, 0, 3, 1)
    del environment[SLURM + missing]
    with pytest.raises(UsageError, match=f"{SLURM}{missing} is not set"):
        find_task(environment)


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({}, "no array(?s:.*)SLURM_ARRAY_TASK_ID nor JOB_COMPLETION_INDEX"),
        ({"MASKGEN_TASKS": "4"}, "no array"),
        ({"SLURM_JOB_ID": "12", "SLURM_PROCID": "0"}, "no array"),
        ({**slurm(0, 4, 0, 3, 1), "JOB_COMPLETION_INDEX": "0"}, "two arrays: SLURM_ARRAY_TASK_ID and JOB_C"),
        ({"JOB_COMPLETION_INDEX": "", "MASKGEN_TASKS": "4"}, "JOB_COMPLETION_INDEX="),
        ({"JOB_COMPLETION_INDEX": "0", "MASKGEN_TASKS": "four"}, "MASKGEN_TASKS=four"),
        ({"JOB_COMPLETION_INDEX": "4", "MASKGEN_TASKS": "4"}, "none of 4(?s:.*)JOB_COMPLETION_INDEX=4"),
        ({"JOB_COMPLETION_INDEX": "0", "MASKGEN_TASKS": "0"}, "none of 0"),
        ({"JOB_COMPLETION_INDEX": "-1", "MASKGEN_TASKS": "4"}, "none of 4"),
        ({**slurm(4, 4, 0, 3, 1), "MASKGEN_TASKS": "3"}, "none of 3(?s:.*)SLURM_ARRAY_TASK_ID=4"),
        (slurm(2, 4, 1, 7, 2), "with holes"),
        (slurm(0, 4, 0, 3, 0) | {SLURM + "COUNT": "0"}, "with holes"),
    ],
)
def test_a_task_that_cannot_be_known_is_refused(environment: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find_task(environment)
