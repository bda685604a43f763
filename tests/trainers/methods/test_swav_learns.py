"""SwAV's smoke preset on data with known clusters: it leaves the state in which all prototypes score
alike.
"""

from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate, normalize

from maskgen.trainers.data.batch import Views
from maskgen.trainers.losses import sinkhorn, swav_loss
from maskgen.trainers.methods import Progress
from maskgen.trainers.methods.swav import SwAV
from maskgen.trainers.optim.optimizers import build_optimizer, set_rate
from maskgen.trainers.optim.schedules import build_schedule
from maskgen.trainers.presets import Preset, find_preset

CLASSES, STEPS = 8, 80
SIGNAL = 0.7  # the patterns' amplitude; the noise, new in each view, has 1


class Clusters:
    """Views of `CLASSES` coarse patterns under noise."""

    def __init__(self, preset: Preset) -> None:
        self.generator = torch.Generator().manual_seed(0)
        self.sizes = [view.size for view in preset.views.views]
        self.patterns = torch.randn(CLASSES, 3, 4, 4, generator=self.generator)

    def draw(self, batch: int) -> Views:
        label = torch.randint(0, CLASSES, (batch,), generator=self.generator)
        return Views(views=tuple(self._view(label, size) for size in self.sizes), label=label)

    def _view(self, label: Tensor, size: int) -> Tensor:
        noise = torch.randn(len(label), 3, 4, 4, generator=self.generator)
        return interpolate(SIGNAL * self.patterns[label] + noise, size=(size, size), mode="bilinear")


def trained(preset: Preset, data: Clusters) -> tuple[SwAV, list[float]]:
    """SwAV after `STEPS` steps of the preset, and each step's loss over ln K, that of equal scores."""
    torch.manual_seed(0)
    method = SwAV(preset)
    optimizer, rate = build_optimizer(method, preset), build_schedule(preset, STEPS // preset.epochs)
    losses = []
    for step in range(rate.steps):
        set_rate(optimizer, rate.at(step), rate.peak)
        progress = Progress(step, rate.steps, step / rate.steps_per_epoch)
        method.before_step(progress)
        optimizer.zero_grad()
        out = method(data.draw(preset.batch_size), progress)
        out.loss.backward()
        optimizer.step()
        method.after_step(progress)
        losses.append(out.loss.item() / log(preset.prototypes))
    return method.eval(), losses


@torch.no_grad()
def information(method: SwAV, views: Views) -> float:
    """Share of the class that an image's nearest prototype tells: mutual information over ln C, 0 to 1."""
    nearest = (
        normalize(method.head(method.backbone(views.views[0])), dim=1) @ method.prototypes.weight.T
    ).argmax(1)
    assert views.label is not None
    joint = torch.zeros(CLASSES, len(method.prototypes.weight))
    joint.index_put_((views.label, nearest), torch.tensor(1 / len(nearest)), accumulate=True)
    apart = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return float(torch.where(joint > 0, joint * (joint / apart).log(), 0).sum()) / log(CLASSES)


@pytest.mark.slow
def test_the_loss_falls_because_prototypes_find_the_classes() -> None:
    """The loss alone could fall by all images of a step taking one prototype, which tells nothing of them."""
    preset = replace(find_preset("swav", "smoke"), batch_size=32)
    data = Clusters(preset)
    method, losses = trained(preset, data)
    assert sum(losses[-10:]) / 10 < 0.75
    assert information(method, data.draw(512)) > 0.6


@pytest.mark.parametrize(
    ("temperature", "epsilon", "grows"),
    [(0.1, 0.05, False), (0.1, 0.025, True), (0.2, 0.05, True), (0.2, 0.1, False)],
)
def test_what_crops_share_grows_where_it_exceeds_epsilon_over_temperature(
    temperature: float, epsilon: float, grows: bool
) -> None:
    """Near equal scores, by hand: with small scores x and y of correlation r, codes are (1 + x / e) / K and
    predictions
    (1 + y / t) / K, so that the gradient along y is |y|^2 / t^2 - r |x| |y| / (e t): y shrinks unless r > e /
    t. Here r = 0.4."""
    generator = torch.Generator().manual_seed(0)
    shared, *own = (torch.randn(512, 64, generator=generator).double() for _ in range(3))
    crops = [1e-4 * centered(0.4**0.5 * shared + 0.6**0.5 * noise) for noise in own]
    scale = torch.ones((), dtype=torch.float64, requires_grad=True)
    codes = [sinkhorn(crop, epsilon, 3) for crop in crops]
    swav_loss([scale * crop for crop in crops], codes, temperature).backward()
    x, y = (crop.square().mean().sqrt().item() for crop in crops)
    by_hand = (x**2 + y**2) / (2 * temperature**2) - 0.4 * x * y / (epsilon * temperature)
    assert scale.grad is not None
    assert scale.grad.item() == pytest.approx(by_hand, rel=0.1)
    assert (by_hand < 0) == grows


def centered(rows: Tensor) -> Tensor:
    """Without the means over rows and over columns, which Sinkhorn and the softmax take away."""
    rows = rows - rows.mean(0)
    return rows - rows.mean(1, keepdim=True)
