"""`maskgen status`."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

Call = Callable[..., tuple[int, str, str]]


def test_status_lists_what_is_in_quarantine(call: Call, data: Path) -> None:
    status, out, _ = call("status", data)
    assert status == 0
    assert "4 samples, 1 quarantined, 5 planned" in out
    assert "p9 (p9.jpg): format-not-allowed: looks like GIF" in out
    facts = json.loads(call("status", data, "--json")[1])
    assert facts["failures"] == [
        {
            "shard": "folder-train-000001",
            "key": "p9",
            "path": "p9.jpg",
            "error": "format-not-allowed: looks like GIF",
        }
    ]
    assert (facts["complete"], facts["shards_done"], facts["shards"]) == (True, 2, 2)


def test_status_says_when_all_shards_are_made_and_the_manifest_is_not(
    call: Call, data: Path, tmp_path: Path
) -> None:
    """Of an array the task was killed that would have written it."""
    copy = shutil.copytree(data, tmp_path / "copy")
    assert json.loads(call("status", copy, "--json")[1])["manifest_complete"] is True
    (copy / "manifest.json").unlink()
    assert "complete, but not in manifest.json: run the same command again" in call("status", copy)[1]
    facts = json.loads(call("status", copy, "--json")[1])
    assert (facts["complete"], facts["manifest_complete"]) == (True, False)


def test_status_of_a_copy_without_its_plan(call: Call, data: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(data, tmp_path / "copy")
    (copy / "plan.json").unlink()
    status, _, err = call("status", copy)
    assert status == 2
    assert "no run is here, only its shards" in err
    assert "maskgen info and maskgen verify" in err
    assert call("info", copy)[0] == 0
    status, _, err = call("status", data.parent / "photos")
    assert status == 2
    assert "no run is here: " in err
    assert "--output of a maskgen run" in err
