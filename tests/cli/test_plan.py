"""`maskgen plan`."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]
Words = Callable[[Path], list[str]]


@pytest.mark.slow
def test_plan_estimates_without_writing(
    call: Call, run_words: Words, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = run_words(data.parent)
    del words[words.index("--output") : words.index("--output") + 2]
    status, out, _ = call("plan", *words, "--shard-size", "3", "--json")
    facts = json.loads(out)
    assert status == 0
    assert (facts["images"], facts["shards"], facts["first_keys"]) == (
        5,
        2,
        ["p0", "p1", "p2", "p3", "p9"][:3],
    )
    written = sum(path.stat().st_size for path in data.glob("*.tar"))
    assert facts["estimated_bytes"] == pytest.approx(written, rel=0.5)
    assert not facts.keys() & {"free_bytes", "written"}
    assert call("plan", *words)[0] == 0
    photos = Path(words[words.index("--input") + 1])
    (photos / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(photos / "tmp"))
    assert call("plan", *words)[0] == 0
    status, _, err = call("plan", *words, "--output", photos / "shards")
    assert status == 2
    assert "--output lies inside --input" in err


@pytest.mark.slow
def test_plan_writes_what_runs_and_tasks_then_trust(
    call: Call, run_words: Words, data: Path, tmp_path: Path
) -> None:
    photos, shards = tmp_path / "photos", tmp_path / "shards"
    shutil.copytree(data.parent / "photos", photos)
    words = [*run_words(tmp_path), "--shard-size", "3"]
    status, out, _ = call("plan", *words)
    assert (status, sorted(path.name for path in shards.iterdir() if path.name[0] != ".")) == (
        0,
        ["plan.json", "plan.table", "records"],
    )
    assert f"written     {shards}: " in out
    shutil.copy(photos / "p0.jpg", photos / "p00.jpg")
    status, out, err = call("run", *words, "--task", "0/2", "--json")
    assert (json.loads(out)["planned"], "--recheck lists it" in err) == (5, True)
    status, _, err = call("run", *words, "--recheck")
    assert (status, "source: 5 images -> 6 images" in err) == (2, True)
    status, _, err = call("plan", *words, "--recheck")
    assert (status, "source: 5 images -> 6 images" in err) == (2, True)
    (photos / "p00.jpg").unlink()
    assert call("run", *words, "--recheck", "--max-failures", "1")[0] == 0
    for name in ("folder-train-000000.tar", "folder-train-000001.tar", "manifest.json", "plan.table"):
        assert (shards / name).read_bytes() == (data / name).read_bytes()
