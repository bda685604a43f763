"""The bar as a terminal and a log file see it."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from maskgen.cli.progress import bar
from maskgen.cli.run import describe_progress
from maskgen.pipelines.running import Progress

SCRIPT = """
import time
from maskgen.cli.progress import ProgressBar
with ProgressBar() as shown:
    shown.show(0, 4, "too soon")
    for done, total in ((1, 4), (2, 4), (9, 0)):
        time.sleep(0.25)
        shown.show(done, total, f"{done} of {total}, " + "x" * 40)
print("end")
"""


def test_bars() -> None:
    assert bar(0, 4) == "[" + "." * 24 + "]"
    assert bar(1, 4) == "[" + "#" * 6 + "." * 18 + "]"
    assert bar(4, 4) == bar(9, 4) == "[" + "#" * 24 + "]"


@pytest.mark.slow
def test_on_a_terminal_one_line_is_drawn_again_and_removed() -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "40"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], stderr=theirs, stdout=subprocess.PIPE, env=environment, check=True
    )
    os.close(theirs)
    drawn = os.read(ours, 10_000).decode()
    os.close(ours)
    first, *lines, last = drawn.split("\r\x1b[K")
    assert (first, last) == ("", "")
    assert lines == [
        "[######..................] 1 of 4, xxxx",
        "[############............] 2 of 4, xxxx",
        "9 of 0, " + "x" * 31,
    ]
    assert done.stdout == b"end\n"


@pytest.mark.slow
def test_a_log_is_not_filled() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"end\n", b"")


@pytest.mark.parametrize(
    ("progress", "text"),
    [
        (Progress(100, 0, 0, 0, 3.0), "0/100 images, 0.0/s, 0 quarantined"),
        (Progress(100, 60, 2, 40, 10.0), "60/100 images, 2.0/s, 20.0 s left, 2 quarantined"),
        (
            Progress(100, 60, 2, 40, 10.0, node_rates={"a/1f": 1.25, "b/2e": 0.75}),
            "60/100 images, 2.0/s, 20.0 s left, 2 nodes (1.2 0.8 images/s), 2 quarantined",
        ),
        (
            Progress(900, 0, 0, 0, 10.0, node_rates={str(number): 1.0 for number in range(9)}),
            "0/900 images, 0.0/s, 9 nodes (1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 ... images/s), 0 quarantined",
        ),
        (
            Progress(100, 60, 2, 40, 10.0, {"cuda:0": 0.874, "cuda:1": 1.0}),
            (
                "60/100 images, 2.0/s, 20.0 s left, 2 quarantined, "
                "cuda:0 computes 87% of the time, cuda:1 computes 100% of the time"
            ),
        ),
    ],
)
def test_a_run_tells_how_far_it_is(progress: Progress, text: str) -> None:
    assert describe_progress(progress) == text
