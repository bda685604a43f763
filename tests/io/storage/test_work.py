"""A folder to work in: the process's own, gone with it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from maskgen.io.storage.work import work_folder


@pytest.mark.slow
def test_what_a_killed_process_left_is_removed_and_what_a_live_one_uses_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    program = (
        "import sys, tempfile\nfrom maskgen.io.storage.work import work_folder\n"
        "tempfile.tempdir = sys.argv[1]\n"
        "with work_folder() as folder:\n    print(folder, flush=True)\n    sys.stdin.read()\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        theirs = Path(other.stdout.readline().strip())
        with work_folder() as ours:
            assert theirs.is_dir()
            assert ours != theirs
            assert ours.stat().st_mode & 0o077 == 0
        other.kill()
    assert theirs.is_dir()
    with work_folder() as ours:
        assert not theirs.exists()
    assert not ours.exists()
