"""What `eval-ssl finetune` and `fcn` ask alike of a training: how long, in what steps, how much decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from maskgen.config.bounds import at_least
from maskgen.config.options import option


@dataclass(frozen=True, kw_only=True)
class TuningOptions:
    """Options in the place of a protocol's values."""

    epochs: tuple[int, ...] = option(
        (),
        "Epochs, in place of the protocol's; of several the best is kept.",
        group="settings",
        bounds=at_least(1),
    )
    step_batch: int | None = option(
        None,
        "Images per step, in place of the protocol's; those of a step go through the network in passes of "
        "--batch-size.",
        group="settings",
        bounds=at_least(1),
    )
    weight_decay: float | None = option(
        None, "Weight decay, in place of the protocol's.", group="settings", bounds=at_least(0)
    )

    @property
    def changes(self) -> dict[str, Any]:
        """The protocol's fields that they stand for; None or empty: the protocol's own."""
        return {
            "epochs": self.epochs,
            "batch_size": self.step_batch,
            "weight_decay": self.weight_decay,
        }
