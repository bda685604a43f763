"""`run.log.jsonl`: what a run took and found, one JSON object per line; no hash covers it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from maskgen.io.atomic import disk_errors
from maskgen.shards import naming


def append_log(output: Path, facts: dict[str, Any]) -> None:
    """Append one line with the time.

    Raises:
        EnvironmentFault: the disk is full, broken or read-only.
    """
    line = {"time": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **facts}
    path = output / naming.LOG
    with disk_errors(path), path.open("a") as file:
        file.write(json.dumps(line) + "\n")
