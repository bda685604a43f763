"""Parts that were judged before count only for the same question."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import Interrupted
from maskgen.trainers.evaluations.robust.classifier import Done, report


def test_counts_are_kept_for_the_same_pictures_and_the_same_question(tmp_path: Path) -> None:
    path = tmp_path / "parts" / "c.json"
    done = Done.open(path, {"side": 32})
    assert done.counts("snow/1", "abc") is None
    done.add("snow/1", "abc", {"images": 4, "top1": 0})
    again = Done.open(path, {"side": 32})
    assert again.counts("snow/1", "abc") == {"images": 4, "top1": 0}
    assert again.counts("snow/1", "abd") is None
    assert Done.open(path, {"side": 64}).counts("snow/1", "abc") is None
    path.write_bytes(path.read_bytes().replace(b'"images": 4', b'"images": 5'))
    assert Done.open(path, {"side": 32}).counts("snow/1", "abc") is None  # damaged


def test_a_signal_stops_after_what_was_said() -> None:
    said: list[str] = []
    report(said.append, "one", None)
    with pytest.raises(Interrupted):
        report(said.append, "two", True)  # type: ignore[arg-type]
    assert said == ["one", "two"]
