"""Tables of a TOML file become dataclasses, and mistakes in them are answered."""

from __future__ import annotations

import tomllib
from dataclasses import MISSING, dataclass, field
from typing import Any

import pytest

from maskgen.config.options import option
from maskgen.errors import UsageError
from maskgen.trainers.evaluations.suite.sections import FREE_ARRAY, FREE_TABLE, read_section, section


@dataclass(frozen=True, kw_only=True)
class Leaf:
    name: str = option(MISSING, "Of it.")
    sizes: tuple[int, ...] = option((), "Of it.")


@dataclass(frozen=True, kw_only=True)
class Tree:
    title: str = option("none", "Of it.")
    leaves: tuple[Leaf, ...] = section(Leaf, "leaf")
    other: dict[str, Any] = field(default_factory=dict, metadata=FREE_TABLE)
    marks: tuple[Any, ...] = field(default=(), metadata=FREE_ARRAY)


def read(text: str) -> Tree:
    return read_section(Tree, tomllib.loads(text), "a.toml")


def test_tables_in_tables_become_instances() -> None:
    text = 'title = "t"\nmarks = [1, "x"]\n[[leaf]]\nname = "a"\nsizes = [1, 2]\n'
    text += '[[leaf]]\nname = "b"\n[other]\nx = 1'
    leaves = (Leaf(name="a", sizes=(1, 2)), Leaf(name="b"))
    assert read(text) == Tree(title="t", leaves=leaves, other={"x": 1}, marks=(1, "x"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("titel = 1", "unknown key 'titel': a.toml\n  Next: did you mean 'title'?"),
        ('[[leaf]]\nname = "a"\nsize = [1]', "unknown key 'size': a.toml: leaf 1"),
        ("[[leaf]]\nsizes = [1]", "a.toml: leaf 1 lacks 'name'"),
        ("title = 1", "a.toml: title takes a text, got 1"),
        ('[[leaf]]\nname = "a"\nsizes = ["x"]', "takes whole numbers"),
        ("leaf = 1", "write [[leaf]]"),
        ("leaf = [1]", "a.toml: leaf 1 is no table, but 1"),
        ("other = 1", "other takes a table, got 1"),
        ("marks = 1", "marks takes an array, got 1"),
    ],
)
def test_mistakes_are_named_with_their_place(text: str, told: str) -> None:
    with pytest.raises(UsageError) as error:
        read(text)
    assert told in str(error.value)
