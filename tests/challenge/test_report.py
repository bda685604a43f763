from __future__ import annotations

import hashlib
from pathlib import Path

from maskgen.challenge.report import SUMS, list_photos, summarize, write_sums
from maskgen.challenge.selection import REASONS, Selection

SELECTION = Selection(["a", "b", "c", "d"], [3, 3, -1, 5], ["", "", "no-label", "too-large"])


def test_each_sample_has_a_line() -> None:
    mixed = {0: {"mixed_same": 1, "mixed_rand": 1, "mixed_next": 0}}
    assert list_photos(SELECTION, mixed).decode().splitlines() == [
        "key,label,left_out,mixed_same,mixed_rand,mixed_next",
        "a,3,,b,b,a",
        "b,3,,,,",
        "c,,no-label,,,",
        "d,5,too-large,,,",
    ]


def test_counts_shares_and_classes() -> None:
    found = summarize({"seed": 1}, SELECTION, {3: "03"}, ["original"], "abc")
    assert (found["seed"], found["samples"], found["photos"], found["sha256"]) == (1, 4, 2, "abc")
    assert found["left_out"]["too-large"] == {"count": 1, "share": 0.25}
    assert list(found["left_out"]) == list(REASONS)
    assert sum(one["count"] for one in found["left_out"].values()) == 2
    assert found["classes"] == [{"label": 3, "folder": "03", "photos": 2}]


def test_sums_are_joined_in_order(tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    for number in (1, 0, 10):
        (parts / f"{number:06d}.sha256").write_text(f"{number:064d}  p{number}\n")
    sha256 = write_sums(tmp_path, parts, {"z": "f" * 64, "y": "e" * 64})
    text = (tmp_path / SUMS).read_text()
    assert [line[66:] for line in text.splitlines()] == ["p0", "p1", "p10", "y", "z"]
    assert sha256 == hashlib.sha256(text.encode()).hexdigest()
