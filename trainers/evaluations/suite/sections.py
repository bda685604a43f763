"""TOML tables as frozen dataclasses, checked; a mistaken key is answered with the nearest."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from typing import Any, TypeVar

from maskgen.config.options import Option, options_of
from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


def section(owner: type, key: str) -> Any:
    """A field of tables, ``[[key]]`` in the file: a tuple of instances of another dataclass."""
    return field(default=(), metadata={"section": owner, "key": key})


def one_table(owner: type) -> dict[str, Any]:
    """Metadata of a field that is one table, ``[key]`` in the file: an instance of another dataclass."""
    return {"section": owner, "single": True}


FREE_TABLE = {"free": dict}
FREE_ARRAY = {"free": list}
"""Metadata of a field that is taken as the file has it; of an array it holds a tuple."""


def read_section(owner: type[T], raw: object, where: str) -> T:
    """An instance of a dataclass from a table of a TOML file.

    Args:
        owner: the dataclass; its fields are made by `option` and `section`, or have `FREE_TABLE` or
            `FREE_ARRAY` for their metadata.
        raw: the table.
        where: it stands in the file, for errors.

    Raises:
        UsageError: a key that there is not, one that lacks, or a value of another type.

    Example:
        >>> from dataclasses import dataclass
        >>> from maskgen.config.options import option
        >>> from maskgen.trainers.evaluations.suite.sections import read_section
        >>> @dataclass(frozen=True, kw_only=True)
        ... class Point:
        ...     x: float = option(0.0, "Of it.")
        >>> read_section(Point, {"x": 2}, "[point]")
        Point(x=2)
    """
    if not isinstance(raw, dict):
        raise UsageError(
            f"{where} is no table, but {raw!r}", remedy="write it as [[name]] with its keys below"
        )
    simple = options_of(owner)
    others = {
        one.metadata.get("key", one.name): one
        for one in dataclasses.fields(owner)  # type: ignore[arg-type]
        if not {"section", "free"}.isdisjoint(one.metadata)
    }
    made = dict[str, Any]()
    for key, value in raw.items():
        name = key.replace("-", "_")
        if name in simple:
            made[name] = _plain(simple[name], value, f"{where}: {key}")
        elif name in others:
            made[others[name].name] = _other(others[name], value, f"{where}: {key}")
        else:
            raise UsageError(f"unknown key {key!r}", where=where, remedy=nearest(name, [*simple, *others]))
    _require(simple, made, where)
    return owner(**made)


def known(name: str, names: Iterable[str], what: str, where: str) -> None:
    """Refuse a name that is not among others.

    Raises:
        UsageError: naming the nearest.
    """
    names = list(names)
    if name not in names:
        raise UsageError(f"there is no {what} {name!r}", where=where, remedy=nearest(name, names))


def check_names(what: str, names: Sequence[str], where: str) -> None:
    """Refuse names that come twice or cannot name a folder.

    Raises:
        UsageError: likewise where there is no name at all.
    """
    if not names:
        raise UsageError(f"the file has no {what}", where=where, remedy=f"add a [[{what}]]")
    for number, name in enumerate(names):
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"the {what} {name!r} cannot name a folder",
                where=where,
                remedy="use letters, digits, . _ + and -",
            )
        if name in names[:number]:
            raise UsageError(f"two {what}s are called {name!r}", where=where, remedy="name them apart")


def _plain(simple: Option, value: Any, shown: str) -> Any:
    value = tuple(value) if simple.many and isinstance(value, list) else value
    simple.check(value, shown)
    return value


def _other(one: dataclasses.Field[Any], value: Any, shown: str) -> Any:
    if "single" in one.metadata:
        return read_section(one.metadata["section"], value, shown)
    if "section" in one.metadata:
        if not isinstance(value, list):
            raise UsageError(f"{shown} is no array of tables", remedy=f"write [[{one.metadata['key']}]]")
        return tuple(
            read_section(one.metadata["section"], part, f"{shown} {number}")
            for number, part in enumerate(value, 1)
        )
    wanted = one.metadata["free"]
    words = "a table" if wanted is dict else "an array"
    if not isinstance(value, wanted):
        raise UsageError(f"{shown} takes {words}, got {value!r}")
    return tuple(value) if isinstance(value, list) else value


def _require(simple: Mapping[str, Option], made: Mapping[str, Any], where: str) -> None:
    for name, one in simple.items():
        if one.required and name not in made:
            raise UsageError(
                f"{where} lacks {name!r}", cause=f"it is needed: {one.help.rstrip('.')}", remedy="add it"
            )
