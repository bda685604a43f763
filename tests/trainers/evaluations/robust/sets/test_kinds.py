"""Sets by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import UsageError
from maskgen.trainers.evaluations.robust.sets.kinds import KINDS, parse_set


def test_a_kind_and_a_folder(tmp_path: Path) -> None:
    assert parse_set(f"v2={tmp_path}") == ("v2", tmp_path)
    assert parse_set(f"a={tmp_path}/../{tmp_path.name}")[0] == "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("scetch=/tmp", "did you mean 'sketch'"),
        ("a", "takes a=FOLDER"),
        ("a=", "takes a=FOLDER"),
        ("a=/no/such", "there is no such folder"),
    ],
)
def test_other_words_are_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_set(text)


def test_pictures_that_have_the_networks_side_are_used_whole() -> None:
    assert [name for name, kind in KINDS.items() if kind.share == 1.0][:1] == ["c"]
    assert not KINDS["c"].keep  # 3.75 million rows
