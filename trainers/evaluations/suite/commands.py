"""What a suite needs to know of a task's command; `eval-ssl suite` takes it from the commands themselves.

So does `train-ssl sweep`, of the commands that train.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from maskgen.config.suggest import nearest
from maskgen.errors import UsageError

OWN = ("checkpoint", "backbone", "output", "seed", "device", "features")
"""Options that a suite gives itself."""
ELSEWHERE = "see [[checkpoint]], seeds, --output and --devices"


@dataclass(frozen=True, eq=False)
class TaskCommand:
    """One task of `eval-ssl`, or one method of `train-ssl`.

    Args:
        name: of the command.
        spellings: the option of each name that a file may call it by.
        machine: options that change no result, such as threads.
        words: options and their values as words of the command line.
        check: refuses values that the command would refuse.
        own: options that a file does not give.
        elsewhere: where they are given.
    """

    name: str
    spellings: Mapping[str, str]
    machine: frozenset[str]
    words: Callable[[Mapping[str, Any]], list[str]]
    check: Callable[[Mapping[str, Any]], None]
    own: tuple[str, ...] = OWN
    elsewhere: str = ELSEWHERE

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
            others = [name for name in self.spellings.values() if name not in self.own]
            raise UsageError(
                f"{self.name} has no option {key!r}",
                where=where,
                remedy=nearest(key.replace("-", "_"), others),
            )
        if found in self.own:
            raise UsageError(
                f"{key!r} is not given here",
                where=where,
                cause=f"{self.name} gets it otherwise",
                remedy=f"leave it out: {self.elsewhere}",
            )
        return found
