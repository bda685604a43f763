"""Settings of the supervised control of Ryali et al.; what stands in `ours` the paper leaves open."""

from __future__ import annotations

from dataclasses import replace

from .smoke import smoke
from .spec import Preset

_SUPERVISED = Preset(
    method="supervised",
    source="Ryali et al., sections 2.3 and 3.7: the supervised control",
    recipe="supervised",
    epochs=90,
    batch_size=4096,
    optimizer="sgd",
    lr=0.1,
    warmup_epochs=5,
    schedule="steps",
    milestones=(30, 60),
    decay=0.1,
    weight_decay=1e-4,
    ours=("weight_decay",),
)


def _supervised(kind: str) -> Preset:
    """Ryali, 3.7: p of 0.1, 0.2, 0.3, 0.5, none of which gains."""
    return replace(_SUPERVISED, background=kind, background_p=0.2, ours=("weight_decay", "background_p"))


PRESETS: dict[str, Preset] = {
    "imagenet-90": _SUPERVISED,
    "bg-rm-90": _supervised("grey"),
    "bg-random-90": _supervised("donor"),
    "smoke": smoke("supervised"),
}
