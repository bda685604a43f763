"""The supervised control: cross-entropy of known labels."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.nn.functional import cross_entropy

from maskgen.errors import UsageError
from maskgen.trainers.data.batch import Views
from maskgen.trainers.methods import METHODS, Progress
from maskgen.trainers.presets import PRESETS

MakeViews = Callable[..., Views]
START = Progress(0, 10, 2.0)


def test_the_control_is_cross_entropy_of_known_labels(
    make_views: MakeViews, still: Callable[..., Any]
) -> None:
    method = still("supervised", apart=True)
    views = make_views(method.preset)
    label = torch.tensor([0, 1, -1, 4, -1, 2, 3, 3])
    out = method(replace(views, label=label), START)
    logits = method.classifier(method.backbone(views.views[0]))
    known = label >= 0
    assert out.loss.item() == pytest.approx(cross_entropy(logits[known], label[known]).item(), rel=1e-5)
    assert out.metrics["accuracy"].item() == pytest.approx(
        (logits.argmax(1) == label)[known].float().mean().item()
    )


def test_the_control_needs_labels(make_views: MakeViews, still: Callable[..., Any]) -> None:
    preset = PRESETS["supervised"]["smoke"]
    with pytest.raises(UsageError, match="--labels folder"):
        METHODS["supervised"](preset)
    with pytest.raises(UsageError, match="--labels folder"):
        still("supervised", apart=True)(replace(make_views(preset), label=None), START)
