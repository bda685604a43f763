"""The log is one JSON object a line, with the time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from maskgen.errors import EnvironmentFault
from maskgen.pipelines.log import append_log


def test_lines_are_appended_with_the_time_in_utc(tmp_path: Path) -> None:
    before = int(time.time())
    append_log(tmp_path, {"shard": "a", "samples": 3})
    append_log(tmp_path, {"shard": "b"})
    first, second = map(json.loads, (tmp_path / "run.log.jsonl").read_text().splitlines())
    assert (first["shard"], first["samples"], second["shard"]) == ("a", 3, "b")
    told = time.strptime(first["time"], "%Y-%m-%dT%H:%M:%SZ")
    assert before <= int(time.mktime(told) - time.timezone) <= time.time() + 1


def test_a_disk_that_is_no_folder_is_the_environments_fault(tmp_path: Path) -> None:
    (tmp_path / "run.log.jsonl").mkdir()
    with pytest.raises((EnvironmentFault, IsADirectoryError)):
        append_log(tmp_path, {})
