"""Where an epoch stands, as plain numbers for a checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskgen.errors import UsageError

_STATE_VERSION = 1


@dataclass(frozen=True, slots=True)
class LoaderState:
    """Where an epoch stands; with it the same batches follow, on any number of ranks.

    Args:
        seed: of the order and the views.
        epoch: from 0.
        samples_done: samples of this epoch that all ranks together have had.
        dataset: fingerprint of the data set, see `Dataset.fingerprint`.
        order: `Order.name`.
    """

    seed: int
    epoch: int
    samples_done: int
    dataset: str
    order: str = "global"

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, for JSON or a checkpoint."""
        return {
            "version": _STATE_VERSION,
            "seed": self.seed,
            "epoch": self.epoch,
            "samples_done": self.samples_done,
            "dataset": self.dataset,
            "order": self.order,
        }

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> LoaderState:
        """The inverse of `to_dict`.

        Raises:
            UsageError: not such a state.
        """
        kinds = {"version": int, "seed": int, "epoch": int, "samples_done": int, "dataset": str, "order": str}
        sound = isinstance(state, dict) and {name: type(value) for name, value in state.items()} == kinds
        if not sound or state["version"] != _STATE_VERSION or min(state["epoch"], state["samples_done"]) < 0:
            raise UsageError(
                "this is no state of a loader", where=repr(state)[:200], remedy="save it with state_dict()"
            )
        return cls(**{name: value for name, value in state.items() if name != "version"})

    def check(self, dataset: str, order: str) -> None:
        """Refuse to go on with another data set, or another order of it.

        Raises:
            UsageError: the fingerprint or the order differ.
        """
        if (self.dataset, self.order) != (dataset, order):
            raise UsageError(
                "the saved state belongs to another data set"
                if self.dataset != dataset
                else f"the saved state has the order {self.order!r}, the data set was opened with {order!r}",
                where=f"{self.dataset[:12]} saved, {dataset[:12]} opened",
                remedy="open what it was saved with, or begin a new epoch",
            )
