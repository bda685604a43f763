"""One process at a time makes a file, and a dead one makes none."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from maskgen.errors import EnvironmentFault
from maskgen.io.atomic import sweep_partials
from maskgen.io.turns import await_turn, take_turn

HOLDER = """
import pathlib, sys, time
from maskgen.io.turns import take_turn
with take_turn(pathlib.Path(sys.argv[1])) as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


def test_a_turn_is_taken_once_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 250 + ".png")
    for _ in range(2):
        with take_turn(path) as first, take_turn(path) as second, take_turn(tmp_path / "b.png") as other:
            assert (first, second, other) == (True, False, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_killed_process_has_no_turn_and_what_it_leaves_is_swept(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout
        assert one.stdout.readline() == "True\n"
        with take_turn(path) as mine:
            assert not mine
        assert sweep_partials(tmp_path) == 0
        one.kill()
    await_turn(path)
    with take_turn(path) as mine:
        assert mine
        os.link(next(tmp_path.iterdir()), tmp_path / ".left.turn.partial")
    assert sweep_partials(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_who_waits_goes_on_when_the_turn_ends(tmp_path: Path) -> None:
    path, order = tmp_path / "a.png", []
    with take_turn(path):
        waiting = threading.Thread(target=lambda: (await_turn(path), order.append("waited")))
        waiting.start()
        order.append("worked")
    waiting.join(10)
    assert order == ["worked", "waited"]


def test_a_turn_on_a_file_that_is_gone_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = tmp_path / "a.png", []
    real = os.open

    def open_and_lose(name: Path, *words: int) -> int:
        descriptor = real(name, *words)
        if not opened:
            os.unlink(name)
        opened.append(descriptor)
        return descriptor

    monkeypatch.setattr(os, "open", open_and_lose)
    with take_turn(path) as first, take_turn(path) as second:
        assert (first, second) == (True, False)
    assert len(opened) == 3


def test_a_folder_that_is_gone_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault), take_turn(tmp_path / "gone" / "a.png"):
        pass
