"""Where the training of heads stands, on disk: it goes on from there after a signal or a kill."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from maskgen.config.fingerprint import digest
from maskgen.errors import ShardFault

from ..distributed.ranks import all_sum, rank
from ..training import checkpoint

FOLDER = "heads"


class Keeper:
    """The state of one question's heads, in a folder of its own: others of the same output do not meet it.

    Args:
        output: of the evaluation.
        question: everything that decides which heads come out, JSON values.
        warn: told about damaged states that were passed over.
        folder: of the output.
    """

    def __init__(
        self, output: Path, question: dict[str, Any], warn: Callable[[str], None], folder: str = FOLDER
    ) -> None:
        self._question = digest(question)
        self._folder, self._warn = output / folder / self._question[:16], warn

    def load(self) -> dict[str, Any] | None:
        """The last whole state, the same on all ranks; None: there is none. Rank 0 decides which it is."""
        found = checkpoint.newest(self._folder, self._warn, self._check) if rank() == 0 else None
        own = int(found[0].stem.rpartition("-")[2]) if found is not None else -1
        step = int(all_sum(torch.tensor(own if rank() == 0 else 0)))
        if step < 0:
            return None
        return found[1] if found is not None else checkpoint.load(checkpoint.path_of(self._folder, step))

    def save(self, step: int, state: dict[str, Any]) -> None:
        """A state of tensors and plain values after so many parts; all ranks wait for it."""
        if rank() == 0:
            checkpoint.save(self._folder, step, {"question": self._question, **state})
        all_sum(torch.zeros(1))

    def _check(self, state: checkpoint.State) -> None:
        if state["question"] != self._question:
            raise ShardFault("it is another question's", remedy="remove it")
