"""A crash at each file operation of a shard's commit: the shard is there whole, or not at all."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults


@pytest.mark.slow
def test_every_crash_point_of_a_commit_is_safe(tmp_path: Path) -> None:
    script = Path(__file__).with_name("crash_at.py")
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, check=True
    )
    counts = json.loads(done.stdout)
    assert counts["points"] > 50
    assert counts["torn"] == 0
    assert counts["absent"]
    assert counts["whole"]
    assert counts["resumed_equal"] == counts["points"]
    assert counts["left_over"] == 0
