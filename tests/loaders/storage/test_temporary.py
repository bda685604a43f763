"""A cache for one process."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
def test_it_is_there_while_the_process_is_and_outlives_a_forked_child() -> None:
    program = (
        "import os, sys\nfrom maskgen.loaders.storage.temporary import temporary_cache\n"
        "folder = temporary_cache()\n"
        "child = os.fork()\n"
        "if not child:\n    sys.exit()\n"
        "os.waitpid(child, 0)\n"
        "print(folder, folder.is_dir())\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    folder, _, there = ended.stdout.strip().rpartition(" ")
    assert there == "True"
    assert not Path(folder).exists()
