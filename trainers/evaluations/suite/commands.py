"""What a suite needs to know of a task's command; `eval-ssl suite` takes it from the commands themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

OWN = ("checkpoint", "backbone", "output", "seed", "device", "features")
"""Options that a suite gives itself."""


@dataclass(frozen=True, eq=False)
class TaskCommand:
    """One task of `eval-ssl`.

    Args:
        name: of the command.
        spellings: the option of each name that a file may call it by.
        machine: options that change no result, such as threads.
        words: options and their values as words of the command line.
        check: refuses values that the command would refuse.
    """

    name: str
    spellings: Mapping[str, str]
    machine: frozenset[str]
    words: Callable[[Mapping[str, Any]], list[str]]
    check: Callable[[Mapping[str, Any]], None]

    def knows(self, option: str) -> bool:
        """Whether the command has this option."""
        return option in self.spellings.values()

    def option(self, key: str, where: str) -> str:
        """The option that a key of the file means.

        Raises:
            UsageError: there is none (the nearest is named), or the suite gives it itself.
        """
        found = self.spellings.get(key.replace("-", "_"))
        if found is None:
            others = [name for name in self.spellings.values() if name not in OWN]
            raise UsageError(
                f"{self.name} has no option {key!r}",
                where=where,
                remedy=nearest(key.replace("-", "_"), others),
            )
        if found in OWN:
            raise UsageError(
                f"{key!r} is no option of a task of a suite",
                where=where,
                cause="the suite gives it to each of its tasks",
                remedy="leave it out: see [[checkpoint]], seeds, --output and --devices",
            )
        return found
