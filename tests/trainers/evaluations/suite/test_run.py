"""Cells are done in order, as many at once as there is room for, and a failure keeps back little."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest
from suite_kit import Toys

from maskgen.errors import Interrupted
from maskgen.processes.jobs import JobRun, start_python
from maskgen.processes.places import Machine, Place
from maskgen.processes.signals import StopSignals
from maskgen.trainers.evaluations.suite.cells import Cell
from maskgen.trainers.evaluations.suite.folder import CellFolder
from maskgen.trainers.evaluations.suite.run import PROGRAM, CellJob, task_words


def make_run(cells: list[Cell], output: Path, toys: Toys, places: int = 1) -> JobRun:
    folders = [CellFolder(cell, output) for cell in cells]
    left = [one for one in folders if not one.is_done()]
    jobs = [CellJob(one) for one in left]
    return JobRun(jobs, Machine(["cpu"], places), toys, lambda text: None, StopSignals())


def test_what_is_done_is_not_done_again(cells: list[Cell], tmp_path: Path, toys: Toys) -> None:
    run = make_run(cells, tmp_path, toys)
    run.run()
    assert (len(toys.started), run.failed) == (6, {})
    head = tmp_path / "a/first/seed-1/linear.safetensors"
    place = ["--checkpoint", "random", "--output", str(tmp_path / "a/later/seed-0"), "--seed", "0"]
    assert toys.started[1] == ["toy", "--side", "32", "--head", str(head), *place]
    again = make_run(cells, tmp_path, toys)
    assert list(again.jobs) == []
    again.run()
    assert len(toys.started) == 6


def test_a_failure_keeps_back_only_those_that_need_it(cells: list[Cell], tmp_path: Path, toys: Toys) -> None:
    toys.fail = "a/first"
    run = make_run(cells, tmp_path, toys)
    run.run()
    log = tmp_path / "a/first/seed-1/log.txt"
    needs = "it needs a/first/seed-1, which has failed"
    why = f"eval-ssl: the disk is full (exit status 1; see {log})"
    assert run.failed == {"a/first/seed-1": why, "a/later/seed-0": needs, "a/later/seed-1": needs}
    assert len(toys.started) == 4
    toys.fail = "<none>"
    run = make_run(cells, tmp_path, toys)
    run.run()
    assert (len(toys.started), run.failed) == (7, {})


def test_two_run_at_once_and_none_before_what_it_needs(cells: list[Cell], tmp_path: Path, toys: Toys) -> None:
    toys.hang = "first"
    run = make_run(cells, tmp_path, toys, places=3)
    run.stop.patience = 9
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    before = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        with run.stop, pytest.raises(Interrupted):
            run.run()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert [words[-3].split("/")[-3:-1] for words in toys.started] == [["a", "first"], ["b", "first"]]
    assert [one.asked for one in toys.processes] == [["terminate"]] * 2
    assert not run.failed


def test_the_words_of_a_cell_leave_out_what_its_checkpoint_lacks(cells: list[Cell], tmp_path: Path) -> None:
    assert "--backbone" not in task_words(CellFolder(cells[0], tmp_path))
    assert "tiny" in task_words(CellFolder(cells[3], tmp_path))


@pytest.mark.slow
def test_a_task_is_a_process_whose_words_are_kept(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    process = start_python(tmp_path, [*PROGRAM, "knnn"], log, Place(("cpu",)))
    while process.poll() is None:
        time.sleep(0.05)
    assert process.poll() == 2
    assert "knn" in log.read_text()
