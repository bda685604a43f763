"""An evaluation in parts that are kept: what is done is not done again after an interruption."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from numpy.typing import NDArray

from maskgen.config.fingerprint import digest
from maskgen.io.atomic import write_atomic
from maskgen.processes.signals import StopSignals, interrupted

from ..distributed.ranks import all_sum, any_rank, rank, world

Arrays = Mapping[str, NDArray[Any]]
Say = Callable[[str], None]


@dataclass(frozen=True, eq=False)
class Parts:
    """Arrays by the name of a part, in files that carry what they depend on in their names.

    Args:
        folder: of the files, shared by all ranks.
        question: all that a part depends on, a JSON value.
        say: told how far it is, on rank 0.
        stop: asked between parts.
    """

    folder: Path
    question: Any
    say: Say = lambda _text: None
    stop: StopSignals | None = None

    def compute(self, names: Sequence[str], make: Callable[[str], Arrays]) -> list[dict[str, NDArray[Any]]]:
        """All parts in order, those that are there read, the others made, dealt out over the ranks.

        Args:
            names: of the parts, each fit for a file.
            make: a part's arrays by its name; it must not depend on other parts.

        Raises:
            Interrupted: a signal asked for it, after a whole part.

        Example:
            >>> from pathlib import Path
            >>> import numpy as np
            >>> from maskgen.trainers.evaluations.parts import Parts
            >>> parts = Parts(Path("parts"), {"seed": 0})
            >>> made = parts.compute(["2", "3"], lambda name: {"square": np.array(int(name) ** 2)})
            >>> [int(part["square"]) for part in made]
            [4, 9]
        """
        self.folder.mkdir(parents=True, exist_ok=True)  # a place that cannot be written to is told first
        own, rounds = names[rank() :: world()], -(-len(names) // world())
        for number in range(rounds):
            if number < len(own) and self._read(own[number]) is None:
                self._write(own[number], make(own[number]))
            if rank() == 0:
                self.say(f"{min(len(names), (number + 1) * world())}/{len(names)}")
            if self.stop is not None and any_rank(bool(self.stop)):
                raise interrupted()
        all_sum(torch.zeros(1))  # all files are there
        found = [self._read(name) for name in names]
        return [
            part if part is not None else dict(make(name)) for part, name in zip(found, names, strict=True)
        ]

    def compute_together(self, name: str, make: Callable[[], Arrays]) -> dict[str, NDArray[Any]]:
        """One part that all ranks work on: read if it is there, else made by all and written by rank 0.

        Args:
            name: of the part, fit for a file.
            make: its arrays, the same on all ranks.
        """
        found = self._read(name)
        if any_rank(found is None) or found is None:
            found = dict(make())
            if rank() == 0:
                self._write(name, found)
        return found

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}-{digest(self.question)[:16]}.npz"

    def _write(self, name: str, arrays: Arrays) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        data = io.BytesIO()
        np.savez(data, allow_pickle=False, **dict(arrays))
        write_atomic(self._path(name), data.getvalue())

    def _read(self, name: str) -> dict[str, NDArray[Any]] | None:
        """A part's arrays; None where there are none, or the file is damaged (its members have checksums)."""
        try:
            with np.load(io.BytesIO(self._path(name).read_bytes()), allow_pickle=False) as file:
                return {each: file[each] for each in file.files}
        except (OSError, ValueError, EOFError, KeyError, BadZipFile):
            return None
