"""One way to declare an option: a dataclass field with help, choices, bounds, unit and group.

Whatever has options, a run, a preset, a command, is a frozen dataclass whose fields are made by `option`.
From it come the checks of its values, their reading from text (`--set name=value`) and the command line's
options.
"""

from __future__ import annotations

import dataclasses
import functools
import operator
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from ..errors import UsageError
from .bounds import ANY, Bounds
from .suggest import nearest

_TRUTH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_WORDS: dict[Any, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    Path: "a path",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PathRule:
    """What a path must be, where a command line checks it before the work.

    Args:
        exists: whether something must be there.
        file: whether a file may be there.
        folder: whether a folder may be there.
    """

    exists: bool = False
    file: bool = True
    folder: bool = True


ExistingPath = Annotated[Path, PathRule(exists=True)]
ExistingFile = Annotated[Path, PathRule(exists=True, folder=False)]
ExistingFolder = Annotated[Path, PathRule(exists=True, file=False)]
NewFile = Annotated[Path, PathRule(folder=False)]
NewFolder = Annotated[Path, PathRule(file=False)]
"""A folder to write into, which need not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """What is known of one option.

    Args:
        help: a sentence or two.
        choices: the values that there are; empty for any.
        bounds: of numbers.
        unit: of numbers, such as ``px``.
        group: the heading that it stands under in a command's help.
        result: whether it changes what comes out, so that it belongs to the fingerprint.
        name: of the field.
        kind: its type, without annotations: bool, int, float, str, Path, ``X | None`` or a tuple of these.
        default: of the field.
        required: whether it has no default.
        marks: the annotations of its type.
    """

    help: str
    choices: tuple[str, ...] = ()
    bounds: Bounds = ANY
    unit: str = ""
    group: str = ""
    result: bool = True
    name: str = ""
    kind: Any = str
    default: Any = None
    required: bool = False
    marks: tuple[Any, ...] = ()

    @property
    def flag(self) -> str:
        """As the command line writes it.

        Example:
            >>> Option(help="", name="jpeg_quality").flag
            '--jpeg-quality'
        """
        return "--" + self.name.replace("_", "-")

    @property
    def optional(self) -> bool:
        """Whether None is a value."""
        return types.NoneType in typing.get_args(self.kind)

    @property
    def many(self) -> bool:
        """Whether the value is a tuple."""
        return typing.get_origin(self.base) is tuple

    @property
    def base(self) -> Any:
        """The type of a value that is not None."""
        return _without_none(self.kind)

    @property
    def item(self) -> Any:
        """The type of the value, or of one item of a tuple: bool, int, float, str or Path."""
        return typing.get_args(self.base)[0] if self.many else self.base

    def check(self, value: Any, shown: str = "") -> None:
        """Refuse a value of the wrong type, outside the choices or outside the bounds.

        Args:
            value: as Python has it.
            shown: how the error names the option; its field's name if empty.

        Raises:
            UsageError: naming the nearest choice, or the bounds.

        Example:
            >>> Option(help="", name="device", choices=("cpu", "cuda")).check("gpu")
            Traceback (most recent call last):
            maskgen.errors.UsageError: device got 'gpu'
              Next: did you mean 'cuda'?
        """
        shown = shown or self.name
        if value is None and self.optional:
            return
        if self.many and not isinstance(value, tuple):
            raise UsageError(f"{shown} takes {self._wanted()}, got {value!r}")
        items: tuple[Any, ...] = value if self.many and isinstance(value, tuple) else (value,)
        for item in items:
            self._check_item(item, shown)

    def _check_item(self, value: Any, shown: str) -> None:
        wanted = (int, float) if self.item is float else self.item
        if not isinstance(value, wanted) or (isinstance(value, bool) and self.item is not bool):
            raise UsageError(f"{shown} takes {self._wanted()}, got {value!r}")
        if self.choices and value not in self.choices:
            raise UsageError(f"{shown} got {value!r}", remedy=nearest(str(value), self.choices))
        if self.item in (int, float) and not self.bounds.hold(value):
            unit = f" {self.unit}" if self.unit else ""
            raise UsageError(f"{shown} must be {self.bounds.in_words(value)}{unit}, got {value!r}")

    def parse(self, text: str, shown: str = "") -> Any:
        """The checked value that a text stands for.

        Args:
            text: a number; ``true`` or ``false``; ``none`` where None is a value; items with commas for a
                tuple.
            shown: how the error names the option; its field's name if empty.

        Raises:
            UsageError: the text is no value of the option's type, or one that `check` refuses.

        Example:
            >>> Option(help="", name="milestones", kind=tuple[int, ...]).parse("60, 80")
            (60, 80)
            >>> Option(help="", name="flip", kind=bool).parse("yes")
            True
        """
        shown, text = shown or self.name, text.strip()
        if self.optional and text.lower() == "none":
            return None
        try:
            if self.many:
                value: Any = tuple(self._read(part.strip()) for part in text.split(",") if part.strip())
            else:
                value = self._read(text)
        except (ValueError, KeyError) as error:
            raise UsageError(f"{shown} takes {self._wanted()}, got {text!r}") from error
        self.check(value, shown)
        return value

    def _read(self, text: str) -> Any:
        return _TRUTH[text.lower()] if self.item is bool else self.item(text)

    def _wanted(self) -> str:
        if self.many:
            items = {int: "whole numbers such as 60,80", float: "numbers such as 0.1,1"}
            return items.get(self.item, "names with commas between them")
        return _WORDS.get(self.item, "a path or an address") + (" or none" if self.optional else "")


def option(
    default: Any,
    text: str,
    *,
    choices: tuple[str, ...] = (),
    bounds: Bounds = ANY,
    unit: str = "",
    group: str = "",
    result: bool = True,
) -> Any:
    """A dataclass field that is an option; for the arguments see `Option`.

    Args:
        default: of the field; `dataclasses.MISSING` where it must be given.
        text: the help.
        choices: the values that there are.
        bounds: of a number; from 0 on, if nothing is said.
        unit: of a number.
        group: the heading in a command's help.
        result: whether it belongs to the fingerprint.

    Example:
        >>> @dataclass(frozen=True)
        ... class Sizes:
        ...     side: int = option(224, "Side of a view.", bounds=between(16, 512), unit="px")
        >>> options_of(Sizes)["side"].parse("96")
        96
    """
    told = Option(help=text, choices=choices, bounds=bounds, unit=unit, group=group, result=result)
    if default is MISSING:
        return field(metadata={"option": told})
    return field(default=default, metadata={"option": told})


def options_of(owner: type) -> Mapping[str, Option]:
    """The options of a dataclass by name, in the order of its fields; other fields are left out.

    Args:
        owner: a dataclass, all of whose types its module can name.
    """
    return _read_options(owner)


@functools.cache
def _read_options(owner: Any) -> Mapping[str, Option]:
    hints = typing.get_type_hints(owner, include_extras=True)
    found = {}
    for one in dataclasses.fields(owner):
        if "option" in one.metadata:
            kind, marks = _strip(hints[one.name])
            told: Option = one.metadata["option"]
            required = one.default is MISSING
            default = None if required else one.default
            found[one.name] = dataclasses.replace(
                told, name=one.name, kind=kind, default=default, required=required, marks=marks
            )
    return types.MappingProxyType(found)


def _strip(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type without its annotations, and these; annotations inside ``X | None`` too."""
    if typing.get_origin(hint) is Annotated:
        kind, *marks = typing.get_args(hint)
        return kind, tuple(marks)
    if types.NoneType in typing.get_args(hint):
        inner, inner_marks = _strip(_without_none(hint))
        return inner | None, inner_marks
    return hint, ()


def _without_none(hint: Any) -> Any:
    """``X`` of ``X | None``, ``X | Y`` of ``X | Y | None``; any other type as it is."""
    inner = [one for one in typing.get_args(hint) if one is not types.NoneType]
    return functools.reduce(operator.or_, inner) if types.NoneType in typing.get_args(hint) else hint


def known_name(given: str, known: Mapping[str, Option], *, what: str = "option", where: str = "") -> str:
    """The name of an option as its field spells it; dashes and underscores are equal.

    Args:
        given: as a user spelled it.
        known: the options that there are.
        what: how the error calls it.
        where: the file that it stands in.

    Raises:
        UsageError: there is no such option; the nearest is named.
    """
    name = given.strip().replace("-", "_")
    if name not in known:
        raise UsageError(f"unknown {what} {given!r}", where=where, remedy=nearest(name, known))
    return name


def split_assignment(text: str) -> tuple[str, str]:
    """Name and value of a ``name=value`` text, as `--set` takes it.

    Raises:
        UsageError: there is no ``=`` in it.

    Example:
        >>> split_assignment("lr = 0.1")
        ('lr', '0.1')
    """
    name, sign, value = text.partition("=")
    if not sign:
        raise UsageError(f"--set takes name=value, got {text!r}", remedy="for example --set epochs=20")
    return name.strip(), value.strip()


def read_toml(path: Path, known: Mapping[str, Option]) -> dict[str, Any]:
    """Options from a TOML file, by their fields' names; the values are not checked yet.

    Raises:
        UsageError: the file cannot be read, or holds a name that is no option.
    """
    import tomllib

    try:
        raw = tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            "cannot read the configuration",
            where=str(path),
            cause=str(error),
            remedy='mend the TOML file: texts stand in quotes, method = "vote"',
        ) from error
    return {known_name(name, known, where=str(path)): value for name, value in raw.items()}
