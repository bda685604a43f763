"""What the tests that kill and stop runs ask of processes."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path


def wait_until_it_listens(pid: int) -> None:
    """Until the interpreter has started and the command has installed its handlers, a signal simply kills
    it.
    """
    wanted = 1 << (signal.SIGUSR1 - 1)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        caught = re.search(r"SigCgt:\s*(\w+)", Path(f"/proc/{pid}/status").read_text())
        if caught and int(caught[1], 16) & wanted:
            return
        time.sleep(0.005)
    raise AssertionError("the run never listened for signals")


def nobody_left(group: int) -> bool:
    """Whether the process group is empty within five seconds (Python's resource tracker is the last to
    go).
    """
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False
