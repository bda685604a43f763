"""The loss by hand, a step against torch's own, passes as one batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from segmentation_kit import make_voc
from torch import nn
from torch.nn import functional

from maskgen.trainers.datasets.segmentation.voc import open_voc_segmentation
from maskgen.trainers.distributed.ranks import step_generator
from maskgen.trainers.evaluations.fcn.protocols import FcnTrial, find_fcn_protocol
from maskgen.trainers.evaluations.fcn.training import Batch, Task, batch_loss, make_batches, train_fcn
from maskgen.trainers.evaluations.tuning.loop import STREAM
from maskgen.trainers.heads.resume import Keeper
from maskgen.trainers.pretrained.encoder import load_encoder

CPU = torch.device("cpu")
PROTOCOL = find_fcn_protocol("revisiting", epochs=(2,), batch_size=3, crop=41)


def make_task(folder: Path, **changes: Any) -> Task:
    task = Task(
        encoder=load_encoder("random", CPU, "tiny"),
        protocol=PROTOCOL,
        train=open_voc_segmentation(make_voc(folder), "train"),
        stride=-1,
        per_pass=3,
        threads=1,
        seed=0,
        device=CPU,
        half=False,
        judge=lambda _model: {},
        say=lambda _text: None,
    )
    return replace(task, **changes)


def keeper(folder: Path) -> Keeper:
    return Keeper(folder, {}, lambda _: None, "fcn")


def test_the_loss_is_the_mean_over_pixels_that_count(tmp_path: Path) -> None:
    """-log softmax written out, pixel by pixel; void has no part in it."""
    task = make_task(tmp_path)
    logits = torch.randn(2, 21, 3, 4, generator=torch.Generator().manual_seed(0))
    classes = torch.randint(0, 21, (2, 3, 4), generator=torch.Generator().manual_seed(1))
    classes[0, 1], classes[1, :, 2] = 255, 255
    expected = [
        float(torch.logsumexp(logits[n, :, y, x], 0) - logits[n, classes[n, y, x], y, x])
        for n in range(2)
        for y in range(3)
        for x in range(4)
        if classes[n, y, x] != 255
    ]
    assert len(expected) == 17
    model: Any = lambda _photos: logits  # noqa: E731
    batch = Batch(torch.zeros(2, 3, 3, 4, dtype=torch.uint8), classes, 17)
    assert batch_loss(task, model, batch).item() == pytest.approx(np.mean(expected), rel=1e-5)
    void = Batch(batch.photos, torch.full_like(classes, 255), 0)
    assert batch_loss(task, model, void).item() == 0


def test_batches_are_the_crops_of_the_order_and_know_their_steps_pixels(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    steps = [[np.array([2, 0]), np.array([1])], [np.array([1])]]
    found = list(make_batches(task, 4, steps))
    crops = [task.cropper().crop(task.train, number, 4) for number in (2, 0, 1)]
    assert torch.equal(found[0].photos[1], torch.from_numpy(crops[1].photo.copy()).permute(2, 0, 1))
    assert torch.equal(found[1].classes[0], torch.from_numpy(crops[2].classes.astype(np.int64)))
    counted = [int((crop.classes != 255).sum()) for crop in crops]
    assert [batch.pixels for batch in found] == [sum(counted), sum(counted), counted[2]]


@pytest.mark.parametrize("kind", ["revisiting", "revisiting-cityscapes"])
def test_steps_are_torchs_own(kind: str, tmp_path: Path) -> None:
    """Two epochs of a step, written out, with SGD and with Adam."""
    protocol = find_fcn_protocol(kind, epochs=(2,), batch_size=3, crop=41)
    task = make_task(tmp_path, protocol=protocol)
    found = train_fcn(task, FcnTrial(0.05, 2), keeper(tmp_path))
    model = task.new_model().train()
    adam = kind != "revisiting"
    optimizer: torch.optim.Optimizer = (
        torch.optim.Adam(model.parameters(), lr=0.05, weight_decay=1e-4)
        if adam
        else torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=1e-4)
    )
    rates = (0.05, 0.05 * 0.5**0.9) if adam else (0.05, 0.005)
    for epoch, rate in enumerate(rates):
        optimizer.param_groups[0]["lr"] = rate
        order = torch.randperm(3, generator=step_generator(epoch, STREAM, seed=0)).tolist()
        crops = [task.cropper().crop(task.train, number, epoch) for number in order]
        photos = torch.from_numpy(np.stack([crop.photo for crop in crops])).permute(0, 3, 1, 2)
        classes = torch.from_numpy(np.stack([crop.classes for crop in crops])).long()
        loss = functional.cross_entropy(model(task.encoder.normalize(photos)), classes, ignore_index=255)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        assert found.records[epoch]["loss"] == pytest.approx(float(loss.detach()), rel=1e-3)
    if not adam:  # Adam makes 0.05 of any rounding
        for name, value in model.state_dict().items():
            torch.testing.assert_close(found.model.state_dict()[name], value, rtol=1e-3, atol=1e-4)


def test_passes_of_a_step_are_one_batch_but_for_batchnorm(tmp_path: Path) -> None:
    task = make_task(tmp_path)
    steps = [[np.array([0, 1, 2])]], [[np.array([0, 1]), np.array([2])]]
    found = []
    for parts in steps:
        model = task.new_model().eval()  # BatchNorm's statistics are fixed
        for batch in make_batches(task, 0, parts):
            batch_loss(task, model, batch).backward()  # type: ignore[no-untyped-call]
        found.append([one.grad for one in model.parameters() if one.grad is not None])
    assert all(torch.allclose(a, b, rtol=1e-3, atol=1e-5) for a, b in zip(*found, strict=True))
    assert isinstance(task.new_model().head[1], nn.BatchNorm2d)
