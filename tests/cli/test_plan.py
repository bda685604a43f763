"""`maskgen plan`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

Call = Callable[..., tuple[int, str, str]]
Words = Callable[[Path], list[str]]


@pytest.mark.slow
def test_plan_estimates_without_writing(
    call: Call, run_words: Words, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = run_words(data.parent)
    words[words.index("--output") + 1] = str(tmp_path / "nowhere")
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
    assert facts["free_bytes"] > 0
    assert not (tmp_path / "nowhere").exists()
    assert call("plan", *words)[0] == 0
    photos = Path(words[words.index("--input") + 1])
    (photos / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(photos / "tmp"))
    assert call("plan", *words)[0] == 0
    words[words.index("--output") + 1] = str(photos / "shards")
    status, _, err = call("plan", *words)
    assert status == 2
    assert "--output lies inside --input" in err
