"""What a classifier says while it judges."""

from __future__ import annotations

import pytest

from maskgen.errors import Interrupted
from maskgen.trainers.evaluations.robust.classifier import report


def test_a_signal_stops_after_what_was_said() -> None:
    said: list[str] = []
    report(said.append, "one", None)
    with pytest.raises(Interrupted):
        report(said.append, "two", True)  # type: ignore[arg-type]
    assert said == ["one", "two"]
