"""How values of special kinds are read from a command line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..config.suggest import nearest
from ..errors import EnvironmentFault
from ..io.storage.address import is_address
from ..io.storage.location import open_location
from .array_task import find_task

if TYPE_CHECKING:  # they are no generic types in older click
    _Choice = click.Choice[str]
    _ParamType = click.ParamType[Any]
else:
    _Choice, _ParamType = click.Choice, click.ParamType

ENDINGS = (".png", ".jpg", ".jpeg")
"""Of a picture to write."""


class Choice(_Choice):
    """One of several words; a mistaken one is answered with the nearest."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The word."""
        if value not in self.choices:
            hint = nearest(str(value), self.choices)
            told = f" ({hint})" if hint.startswith("did you mean") else ""
            self.fail(f"{value!r} is not one of {', '.join(map(repr, self.choices))}{told}.", param, ctx)
        return str(value)


class Numbers(_ParamType):
    """Numbers with commas between them.

    Args:
        kind: int or float.
    """

    def __init__(self, kind: type) -> None:
        self.name = "numbers"
        self._kind = kind

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        """What stands for them in the help."""
        return "N,N,..."

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[float, ...]:
        """The numbers."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(self._kind(part) for part in str(value).split(",") if part.strip())
        except ValueError:
            words = "whole numbers" if self._kind is int else "numbers"
            self.fail(f"{value!r} is no list of {words}", param, ctx)


class Task(_ParamType):
    """``i/N``: the i-th of N jobs, counted from 0; ``auto``: the one that Slurm or Kubernetes says."""

    name = "task"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        """The number of the job and of all jobs.

        Raises:
            UsageError: ``auto`` outside of an array, or in one that does not say enough.
        """
        if isinstance(value, tuple):
            return value
        if value == "auto":
            return find_task(os.environ)
        try:
            number, count = (int(part) for part in str(value).split("/"))
        except ValueError:
            number, count = 1, 0
        if not 0 <= number < count:
            self.fail(f"{value!r} is not i/N with 0 <= i < N, nor auto", param, ctx)
        return number, count


class PlaceKind(click.Path):
    """A folder that must exist, or an address in an object store, which is looked at later.

    Args:
        file: whether it may be a file too.
    """

    def __init__(self, *, file: bool = False) -> None:
        super().__init__(exists=True, file_okay=file, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The location."""
        return open_location(value) if is_address(value) else super().convert(value, param, ctx)


class NewPlace(click.Path):
    """A folder to write into, which need not exist, or an address in an object store."""

    def __init__(self) -> None:
        super().__init__(file_okay=False, path_type=Path)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The location."""
        return open_location(value) if is_address(value) else super().convert(value, param, ctx)


class SetKind(_ParamType):
    """A folder of images that must exist, or a split of a public set in one: KIND:PATH[@SPLIT]."""

    name = "place"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:  # noqa: ARG002
        """What stands for it in the help."""
        return "DIRECTORY|KIND:PATH"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text itself, once its folder is known to exist.

        Raises:
            UsageError: no such kind of set, or no such split of it.
        """
        from maskgen.trainers.datasets.public.place import parse_place

        place = parse_place(str(value))
        path = place if isinstance(place, Path) else place.path
        if not path.is_dir():
            self.fail(f"Directory {str(path)!r} does not exist.", param, ctx)
        return str(value)


class OutputFile(click.Path):
    """A file to write, refused before the work unless its ending says what will be in it.

    Args:
        endings: the endings that are allowed.
    """

    def __init__(self, *endings: str) -> None:
        super().__init__(dir_okay=False, writable=True, path_type=Path)
        self._endings = endings

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path, after its folder has been made.

        Raises:
            EnvironmentFault: the folder cannot be written into.
        """
        path = Path(os.fsdecode(super().convert(value, param, ctx)))
        if path.suffix.lower() not in self._endings:
            self.fail(f"{str(path)!r} does not end in {' or '.join(self._endings)}", param, ctx)
        path.parent.mkdir(parents=True, exist_ok=True)
        if not os.access(path.parent, os.W_OK):
            raise EnvironmentFault(
                "cannot write into a folder",
                where=str(path.parent),
                cause="no permission",
                remedy="choose another place, or allow writing there",
            )
        return path
