"""A command's options, made from a frozen dataclass: `@click_command("eval", EvalOptions)`.

Each field that `maskgen.config.options.option` made becomes an option of its name and type; a `Spelling` in
its type's annotations says what these do not. Fields made by `nested` bring all options of another dataclass.
"""

from __future__ import annotations

import copy
import dataclasses
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeVar

import click

from ..config.bounds import LARGEST
from ..config.options import Option, PathRule, options_of
from ..io.storage.location import Location
from .kinds import Choice, Numbers, PlaceKind

T = TypeVar("T")
HEADINGS = {
    "source": "Source",
    "data": "Data",
    "settings": "Settings",
    "masks": "Masks",
    "backgrounds": "Backgrounds",
    "output": "Output",
    "machine": "Machine",
    "safety": "Safety",
    "log": "Log",
}
"""The headings of a command's help in their order, by the name of the group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelling:
    """How a command writes a field, where the field's name and type do not say it.

    Args:
        flag: in place of the field's name with dashes.
        old: a former spelling, still understood and not in the help.
        metavar: what stands for the value in the help.
        kind: reads the value.
        argument: whether it is given by its place, not by a flag.
        show: called when the flag is given, before anything is checked; it may end the command.
    """

    flag: str = ""
    old: str = ""
    metavar: str | None = None
    kind: click.ParamType[Any] | None = None
    argument: bool = False
    show: Callable[[click.Context, Any], None] | None = None


DataFolder = Annotated[Location, Spelling(argument=True, kind=PlaceKind())]
"""The folder of a data set or its address, as the argument DATA."""
Json = Annotated[bool, Spelling(flag="--json")]


def nested(owner: type) -> Any:
    """A field that holds an instance of another dataclass, whose options the command takes as its own."""
    return field(metadata={"nested": owner})


def given(owner: type, names: Sequence[str] = ()) -> Any:
    """A field that holds those options of another dataclass that were given, a value by name.

    No option has a default.

    Args:
        owner: the dataclass.
        names: of the options that the command takes; empty: all.
    """
    return field(metadata={"given": {name: options_of(owner)[name] for name in names or options_of(owner)}})


def click_command(
    name: str, owner: type[T], group: click.Group | None = None
) -> Callable[[Callable[[T], Any]], click.Command]:
    """Make a function of one dataclass into a command that has the dataclass's options.

    Args:
        name: of the command.
        owner: the dataclass.
        group: of which the command becomes a member.

    Example:
        >>> from maskgen.config.options import option
        >>> @dataclass(frozen=True)
        ... class Greeting:
        ...     name: str = option("world", "Whom to greet.")
        >>> @click_command("greet", Greeting)
        ... def command(options: Greeting) -> None:
        ...     click.echo(f"Hello {options.name}!")
        >>> command(["--name", "you"], standalone_mode=False)
        Hello you!
    """

    def make(function: Callable[[T], Any]) -> click.Command:
        made = make_command(name, owner, function, function.__doc__ or "")
        if group is not None:
            group.add_command(made)
        return made

    return make


def make_command(name: str, owner: type[T], function: Callable[[T], Any], text: str) -> click.Command:
    """The command `name` that calls a function with an instance of a dataclass.

    Args:
        name: of the command.
        owner: the dataclass.
        function: what the command does; its result is the exit status, None for 0.
        text: the help.
    """

    def call(**values: Any) -> Any:
        return function(build(owner, values))

    made = GroupedCommand(
        name, callback=call, params=list(click_parameters(owner)), help=inspect.cleandoc(text)
    )
    made.owner = owner
    return made


def build(owner: type[T], values: dict[str, Any]) -> T:
    """The instance that a command line asks for.

    Args:
        owner: the dataclass.
        values: of its own and its nested options, by name.

    Raises:
        UsageError: a value outside its bounds.
    """
    known = options_of(owner)
    made: dict[str, Any] = {}
    for one in dataclasses.fields(owner):  # type: ignore[arg-type]
        if inner := one.metadata.get("nested"):
            made[one.name] = build(inner, values)
        elif inner := one.metadata.get("given"):
            made[one.name] = {name: values[name] for name in inner if values[name] is not None}
        elif one.name in known:
            known[one.name].check(values[one.name], _flag(known[one.name]))
            made[one.name] = values[one.name]
    return owner(**made)


def click_parameters(owner: type) -> Iterator[click.Parameter]:
    """The options and arguments of a dataclass, in the order of its fields."""
    known = options_of(owner)
    for one in dataclasses.fields(owner):
        if inner := one.metadata.get("nested"):
            yield from click_parameters(inner)
        elif inner := one.metadata.get("given"):
            for option in inner.values():
                yield _free_option(option)
        elif one.name in known:
            yield _parameter(known[one.name])


class GroupedOption(click.Option):
    """An option that stands under a heading, and may have a former spelling.

    Args:
        names: as click takes them.
        group: a key of `HEADINGS`, or empty.
        old: the former spelling.
        facts: of `click.Option`.
    """

    def __init__(self, names: list[str], *, group: str = "", old: str = "", **facts: Any) -> None:
        super().__init__(names, **facts)
        self.group = group
        self._old = old

    def process_value(self, ctx: click.Context, value: Any) -> Any:
        """The value; where it is missing and no kind says what may be given, the help does."""
        try:
            return super().process_value(ctx, value)
        except click.MissingParameter as error:
            if self.type.get_missing_message(self, ctx):
                raise
            raise click.MissingParameter(self.help, ctx=ctx, param=self) from error

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Without the former spelling."""
        shown = copy.copy(self)
        shown.opts = [name for name in self.opts if name != self._old]
        return click.Option.get_help_record(shown, ctx)


class GroupedCommand(click.Command):
    """A command whose help lists its options under headings.

    Attributes:
        owner: the dataclass that its options are made from; None: another's.
    """

    owner: type | None = None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """One section for each group that there is; options without a group stand in the last."""
        groups: dict[str, list[tuple[str, str]]] = {name: [] for name in (*HEADINGS, "")}
        for one in self.get_params(ctx):
            if isinstance(one, click.Option) and (record := one.get_help_record(ctx)):
                groups[getattr(one, "group", "")].append(record)
        for name, records in groups.items():
            if records:
                with formatter.section(HEADINGS.get(name, "Options")):
                    formatter.write_dl(records)


def _spelling(one: Option) -> Spelling:
    return next((mark for mark in one.marks if isinstance(mark, Spelling)), Spelling())


def _flag(one: Option) -> str:
    return _spelling(one).flag or one.flag


def _parameter(one: Option) -> click.Parameter:
    how = _spelling(one)
    if how.argument:
        given = {} if one.required or one.many else {"default": one.default}
        return click.Argument(
            [one.name],
            type=_kind(one),
            required=one.required,
            nargs=-1 if one.many else 1,
            metavar=how.metavar,
            **given,  # since click 8.3 a default of None is a value, and nothing is missing
        )
    facts: dict[str, Any] = {"required": True} if one.required else {"default": one.default}
    if one.kind is bool:
        facts["is_flag"] = True
    else:
        facts |= {
            "type": _kind(one),
            "metavar": how.metavar,
            "multiple": one.many and how.kind is None and one.item is str,
        }
    if how.show:
        facts |= {"is_eager": True, "callback": _shower(how.show)}
    names = [_flag(one), *([how.old] if how.old else []), one.name]
    return GroupedOption(names, help=_help(one), group=one.group, old=how.old, **facts)


def _free_option(one: Option) -> click.Parameter:
    """An option that is None where it is not given."""
    if one.kind is bool:
        return GroupedOption(
            [f"{one.flag}/--no-{one.flag[2:]}"], default=None, help=_help(one), group=one.group
        )
    return GroupedOption([one.flag], type=_kind(one), default=None, help=_help(one), group=one.group)


def _shower(show: Callable[[click.Context, Any], None]) -> Callable[..., Any]:
    def callback(context: click.Context, _: click.Parameter, value: Any) -> Any:
        if value and not context.resilient_parsing:
            show(context, value)
        return value

    return callback


def _help(one: Option) -> str:
    """The help text with the default, unless that says nothing or the text says it."""
    if not one.default or one.kind is bool or "[default:" in one.help:
        return one.help
    value = ",".join(map(str, one.default)) if isinstance(one.default, tuple) else one.default
    return f"{one.help}  [default: {value}]"


def _kind(one: Option) -> click.ParamType[Any]:
    """What reads the value of an option."""
    how = _spelling(one)
    if how.kind is not None:
        return how.kind
    if one.choices:
        return Choice(one.choices)
    if one.item in (int, float):
        if one.many:
            return Numbers(one.item)
        ranged = click.IntRange if one.item is int else click.FloatRange
        high = None if one.bounds.high == LARGEST else one.bounds.high
        return ranged(one.bounds.low, high, min_open=one.bounds.above)  # type: ignore[arg-type]
    rule = next((mark for mark in one.marks if isinstance(mark, PathRule)), None)
    if one.item is not str:
        rule = rule or PathRule()
        return click.Path(exists=rule.exists, file_okay=rule.file, dir_okay=rule.folder, path_type=one.item)
    return click.STRING
