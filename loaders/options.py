"""The options that every loader takes, in one place; here are no pixels and no files."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import SupportsIndex

from maskgen.errors import Argument, UsageError

DEVICES = ("cpu", "cuda")
DTYPES = ("uint8", "float32", "float16", "bfloat16")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderOptions:
    """How a loader shares and makes its batches; the loaders' own arguments of the same names say more.

    Args:
        rank: 0..world-1.
        world: ranks that share each epoch.
        last: ``drop``, ``pad`` or ``partial``, see `Schedule`.
        on_error: ``raise`` or ``skip``, see `SampleReader`.
        device: ``cpu`` or ``cuda``, where a batch's pictures lie.
        threads: CPU threads that make pictures, from 1.
        prefetch: batches made ahead, from 1.
        output: element type of the pictures, one of `DTYPES`.
        channels_last: pictures in torch's channels-last memory format.
        operators: use DALI's own operators; only `DaliLoader` has them.
        tile: make tiled backgrounds anew instead of decoding the stored ones; None: where
            `pixels.sources.tiles_anew` says so.

    Raises:
        UsageError: a value out of its range.

    Example:
        >>> LoaderOptions(threads=8, output="float16").prefetch
        2
    """

    rank: int = 0
    world: int = 1
    last: str = "drop"
    on_error: str = "raise"
    device: str = "cpu"
    threads: int = 2
    prefetch: int = 2
    output: str = "uint8"
    channels_last: bool = False
    operators: bool = False
    tile: bool | None = None

    def __post_init__(self) -> None:
        for name, rule, better in self._broken_rules():
            raise UsageError(
                f"a loader's {name}={getattr(self, name)!r} is out of range", remedy=rule, arguments=better
            )

    def _broken_rules(self) -> Iterator[tuple[str, str, list[Argument]]]:
        """The fields that are out of range: name, what the field takes, and values that were likely meant."""
        if self.device not in DEVICES:
            meant: list[Argument] = (
                [("device", "cuda")] if str(self.device).partition(":")[0] == "gpu" else []
            )
            yield "device", "" if meant else f"one of {', '.join(DEVICES)}", meant
        if self.output not in DTYPES:
            yield "output", f"one of {', '.join(DTYPES)}", []
        for name in ("rank", "world", "threads", "prefetch"):
            as_whole(name, getattr(self, name))
        for name in ("threads", "prefetch"):
            if getattr(self, name) < 1:
                yield name, "a whole number from 1 on", []


def as_whole(name: str, value: object) -> int:
    """A whole number of any library as a plain int.

    Args:
        name: of the argument.
        value: what was given for it.

    Raises:
        UsageError: it is a text, a fraction, a truth value or something else.
    """
    if isinstance(value, bool) or not isinstance(value, SupportsIndex):
        raise UsageError(
            f"{name} must be a whole number, not {value!r:.100}", remedy=f"int({name}) makes one of a number"
        )
    return operator.index(value)
