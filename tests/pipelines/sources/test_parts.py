"""Notes that are merged part by part, and parts that say what they depend on."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

from maskgen.pipelines.sources.parts import Notes, Subject, file_part, read_anew
from maskgen.types import ByteRef, SourceItem


def items(notes: Notes) -> Iterator[SourceItem]:
    notes.add("tar", "tars", "a.tar")
    yield SourceItem("a", ByteRef("a.tar", 0, 1), None, "a")


def test_notes_that_are_late_come_last_whatever_part_they_are_of() -> None:
    first, second, whole = Notes(), Notes(), Notes()
    first.add("label left", "labels left", "a", late=True)
    second.add("broken link", "broken links", "b", 2)
    second.add("label left", "labels left", "c", 3, late=True)
    for part in (first, second):
        whole.merge(part)
    assert whole.lines() == ["2 broken links (first: b)", "4 labels left (first: a)"]
    again = Notes()
    for one, many, example, count, late in whole.facts():
        again.add(one, many, example, count, late=late)
    assert again.facts() == whole.facts()


def test_a_part_lists_and_goes_to_other_processes() -> None:
    part = pickle.loads(pickle.dumps(file_part(items, Path("a.tar"), given=("webdataset", 3))))
    notes = Notes()
    assert [item.name for item in part(notes)] == ["a"]
    assert notes.lines() == ["1 tar (first: a.tar)"]
    assert part.subject == Subject((Path("a.tar"),), '["webdataset", 3]')


def test_what_knows_nothing_reads_anew() -> None:
    made = iter((1, 2))
    assert [read_anew(Subject((), ""), lambda: next(made)) for _ in range(2)] == [1, 2]
