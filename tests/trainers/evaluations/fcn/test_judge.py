"""Tables and mean IoU against torchmetrics and by hand, whole photos at their own size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from segmentation_kit import make_voc, truth
from torch import Tensor, nn

from maskgen.trainers.datasets.segmentation.voc import open_voc_segmentation
from maskgen.trainers.evaluations.fcn.judge import Judge, count_pixels, hash_weights, summarize
from maskgen.trainers.pretrained.encoder import load_encoder

CPU = torch.device("cpu")


def test_the_mean_is_torchmetrics() -> None:
    metrics = pytest.importorskip("torchmetrics")
    rng = np.random.default_rng(0)
    pairs = [rng.integers(0, 5, (2, 20 + n, 30)).astype(np.uint8) for n in range(4)]
    for true, _ in pairs:
        true[rng.random(true.shape) < 0.1] = 255
    table = np.sum([count_pixels(true, answer, 5) for true, answer in pairs], axis=0)
    iou = metrics.JaccardIndex(task="multiclass", num_classes=5, ignore_index=255, average="none")
    accuracy = metrics.Accuracy(task="multiclass", num_classes=5, ignore_index=255, average="micro")
    for true, answer in pairs:
        iou.update(torch.from_numpy(answer).long(), torch.from_numpy(true).long())
        accuracy.update(torch.from_numpy(answer).long(), torch.from_numpy(true).long())
    found = summarize(table, tuple("abcde"))
    assert list(found["ious"].values()) == pytest.approx(iou.compute().tolist(), abs=1e-6)
    assert found["miou"] == pytest.approx(float(iou.compute().mean()), abs=1e-6)
    assert found["pixel_accuracy"] == pytest.approx(float(accuracy.compute()), abs=1e-6)


def test_by_hand_with_void_and_a_class_that_is_nowhere() -> None:
    table = count_pixels(
        np.uint8([[0, 0, 0, 1], [1, 1, 255, 255]]), np.uint8([[0, 0, 1, 1], [1, 0, 2, 0]]), 3
    )
    assert table.tolist() == [[2, 1, 0], [1, 2, 0], [0, 0, 0]]
    found = summarize(table, ("a", "b", "c"))
    assert found["ious"] == {"a": 0.5, "b": 0.5, "c": None}
    assert found["miou"] == 0.5
    assert found["pixel_accuracy"] == pytest.approx(4 / 6)


class ByColor(nn.Module):
    """The kit's classes by their colors: a network that is always right."""

    def __init__(self) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(1))

    def forward(self, images: Tensor) -> Tensor:
        logits = torch.zeros(len(images), 21, *images.shape[2:])
        logits[:, 0] = 0.8
        for channel, label in enumerate((15, 8, 6)):  # red, green and blue objects
            others = [n for n in range(3) if n != channel]
            logits[:, label] = images[:, channel] - images[:, others].amax(1)
        return logits


def test_a_network_that_knows_all_is_right_everywhere(tmp_path: Path) -> None:
    images = open_voc_segmentation(make_voc(tmp_path), "val")
    judge = Judge(images, load_encoder("random", CPU, "tiny"), CPU)
    said: list[str] = []
    table = judge.table(ByColor(), {}, tmp_path / "parts", said.append, None)
    assert said == ["1/1"]
    right = sum(int((truth(n) != 255).sum()) for n in range(2))
    assert table.sum() == right
    assert np.trace(table) > 0.995 * right  # JPEG blurs borders
    answer = judge.answer(ByColor(), images.photo(1))
    assert answer.shape == (60, 80)
    assert not list((tmp_path / "parts").glob("*.tmp"))


def test_a_kept_part_is_of_one_network_and_one_set(tmp_path: Path) -> None:
    images = open_voc_segmentation(make_voc(tmp_path), "val")
    judge = Judge(images, load_encoder("random", CPU, "tiny"), CPU)
    other = ByColor()
    with torch.no_grad():
        other.shift += 1
    assert hash_weights(ByColor()) == hash_weights(ByColor()) != hash_weights(other)
    for model, question in ((ByColor(), {}), (ByColor(), {}), (other, {}), (other, {"seed": 1})):
        judge.table(model, question, tmp_path / "parts", lambda _: None, None)
    assert len(list((tmp_path / "parts").iterdir())) == 3
