from __future__ import annotations

import os
import subprocess
import sys

import pytest

from maskgen.processes.lifetime import worker_environment


def child_sees(name: str) -> str:
    code = f"import os; print(os.environ.get({name!r}, 'unset'))"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_children_get_one_thread_and_the_users_word_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    with worker_environment():
        assert (child_sees("OMP_NUM_THREADS"), child_sees("OPENBLAS_NUM_THREADS")) == ("5", "1")
    assert "OPENBLAS_NUM_THREADS" not in os.environ
    assert os.environ["OMP_NUM_THREADS"] == "5"
