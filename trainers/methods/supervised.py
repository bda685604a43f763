"""The supervised control of Ryali et al., section 2.3: cross-entropy on labels, from the same loader.

Quoted: "Leveraging background augmentations to encourage semantic focus in self-supervised contrastive
learning" (https://arxiv.org/abs/2103.12719v1, the version whose sections are quoted).
"""

from __future__ import annotations

from torch import nn
from torch.nn import functional

from maskgen.errors import UsageError

from ..data.batch import Views
from ..presets import Preset
from .base import Method, Progress, StepOutput, check_views

_LABELS = (
    "give a folder of one folder per class: --data folder:PHOTOS, or shards of it with their labels: "
    "maskgen run --dataset folder --labels folder --input PHOTOS --output SHARDS"
)


class Supervised(Method):
    """A linear classifier on the backbone. Images without a label (-1) do not count.

    Raises:
        UsageError: the number of classes is not given.
    """

    def __init__(self, preset: Preset, *, classes: int = 0) -> None:
        if classes < 2:
            raise UsageError(
                f"supervised training got {classes} classes",
                cause="the images have no labels",
                remedy=_LABELS,
            )
        super().__init__(preset, classes=classes)
        self.classifier = nn.Linear(self.dim, classes)

    def forward(self, views: Views, progress: Progress) -> StepOutput:
        """The mean cross-entropy of view 0; 0 for a batch without any label.

        Raises:
            UsageError: the images have no labels.
        """
        check_views(views, "supervised")
        if views.label is None:
            raise UsageError("the batch has no labels", remedy=_LABELS)
        logits = self.classifier(self.encode(views.views[0])).float()
        known = views.label >= 0
        total = functional.cross_entropy(logits, views.label, ignore_index=-1, reduction="sum")
        hits = ((logits.argmax(1) == views.label) & known).sum()
        count = known.sum().clamp_min(1)
        return StepOutput(total / count, {"accuracy": (hits / count).detach()})
