from __future__ import annotations

from pathlib import Path

import pytest

from maskgen.errors import ShardFault
from maskgen.export.output import FolderOutput
from maskgen.export.parts import Part, Parts


def test_parts_are_missing_until_they_are_done_without_damage(tmp_path: Path) -> None:
    parts = Parts(FolderOutput(tmp_path), 3)
    assert parts.missing() == [0, 1, 2]
    for number, damaged in enumerate(({}, {"k": "cut short"}, None)):
        parts.keep(number, [{"n": number}, {"text": "é\n"}])
        if damaged is not None:
            parts.done(number, Part(2, 1, damaged))
    assert parts.missing() == [1, 2]
    assert parts.read(1) == Part(2, 1, {"k": "cut short"})
    rows = parts.rows()
    assert list(rows) == list(rows)
    assert [row.get("n") for row in rows] == [0, None, 1, None, 2, None]


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    parts = Parts(FolderOutput(tmp_path), 1)
    parts.done(0, Part(1, 0, {}))
    (tmp_path / ".maskgen/parts/000000.json").write_text("{}")
    with pytest.raises(ShardFault):
        parts.missing()
