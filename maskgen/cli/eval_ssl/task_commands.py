"""What `eval-ssl suite` knows of the tasks: the options that their commands have, and their checks."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError
from maskgen.trainers.evaluations.suite.commands import ELSEWHERE, OWN, TaskCommand

from ..options import GroupedCommand, build
from . import TASKS, load_task

_MACHINE = {"machine", "log"}


def find_command(name: str, base: Path, where: str) -> TaskCommand:
    """A task of `eval-ssl` as a suite sees it.

    Args:
        name: of the command.
        base: folder that relative paths start from.
        where: the suite stands, for errors.

    Raises:
        UsageError: there is no such task; the nearest is named.
    """
    if name not in TASKS:
        raise UsageError(f"eval-ssl has no task {name!r}", where=where, remedy=nearest(name, TASKS))
    return describe_command(load_task(name), f"eval-ssl {name}", base, where)


def describe_command(
    command: click.Command,
    program: str,
    base: Path,
    where: str,
    *,
    own: tuple[str, ...] = OWN,
    elsewhere: str = ELSEWHERE,
) -> TaskCommand:
    """A command as a file of many of them sees it.

    Args:
        command: it.
        program: as users type it.
        base: folder that relative paths start from.
        where: the file's place, for errors.
        own: options that the file does not give.
        elsewhere: where they are given.
    """
    name = str(command.name)
    options = {str(one.name): one for one in command.params if _is_settable(one)}
    spellings = {spelling: name for name, one in options.items() for spelling in (name, *_flags(one))}
    return TaskCommand(
        name=name,
        spellings=spellings,
        machine=frozenset(n for n, one in options.items() if getattr(one, "group", "") in _MACHINE),
        words=lambda values: [
            word for n, value in values.items() for word in _words(options[n], value, where)
        ],
        check=lambda values: _check(command, values, options, (base, where, program)),
        own=own,
        elsewhere=elsewhere,
    )


def _is_settable(one: click.Parameter) -> bool:
    """Arguments and options that only show something are none of a suite's."""
    return isinstance(one, click.Option) and not one.is_eager


def _flags(one: click.Parameter) -> list[str]:
    return [flag.lstrip("-").replace("-", "_") for flag in one.opts]


def _words(one: click.Parameter, value: Any, where: str) -> list[str]:
    """An option and its value as the command line has them."""
    flag = one.opts[0]
    if isinstance(one, click.Option) and one.is_flag:
        if not isinstance(value, bool):
            raise UsageError(
                f"{one.name} takes true or false, got {value!r}", where=where, remedy="write true or false"
            )
        off = one.secondary_opts
        return [flag] if value else off[:1]
    if isinstance(value, bool | dict):
        raise UsageError(
            f"{one.name} takes no {value!r}", where=where, remedy="give a number, a text or an array"
        )
    items = list(value) if isinstance(value, list | tuple) else [value]
    if one.multiple:
        return [word for item in items for word in (flag, str(item))]
    return [flag, ",".join(map(str, items))]


def _check(
    command: click.Command,
    values: Mapping[str, Any],
    options: Mapping[str, click.Parameter],
    place: tuple[Path, str, str],
) -> None:
    """Read the values as the command would, from its folder, and check them by its dataclass."""
    base, where, program = place
    words = [word for name, value in values.items() for word in _words(options[name], value, where)]
    try:
        with contextlib.chdir(base):
            context = command.make_context(command.name, list(words))
            if isinstance(command, GroupedCommand) and command.owner is not None:
                build(command.owner, context.params)
    except click.UsageError as error:
        raise UsageError(
            f"{command.name} refuses its options",
            where=where,
            cause=error.format_message().rstrip("."),
            remedy=f"see {program} --help",
        ) from error
    except UsageError as error:
        raise UsageError(
            error.what, where=where, cause=error.cause, remedy=error.remedy or "mend it"
        ) from error
