"""The challenge against brute force: every foreground before every background."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from robust_kit import FEATURES, write_in9
from torch import Tensor

from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import Images, images_of_folder
from maskgen.trainers.evaluations.robust import challenge
from maskgen.trainers.evaluations.robust.challenge import Foregrounds, read_mask, run_challenge
from maskgen.trainers.evaluations.robust.classes import HeadClasses
from maskgen.trainers.evaluations.robust.classifier import Classifier
from maskgen.trainers.heads.head import Head, linear_layer, load_head, save_head
from maskgen.trainers.pretrained.encoder import load_encoder
from maskgen.trainers.probes.setup import ProbeConfig

CPU = torch.device("cpu")


def stack(images: Images) -> Tensor:
    """(N, 3, 32, 32) uint8."""
    return torch.from_numpy(np.stack([images.read(n) for n in range(len(images))])).permute(0, 3, 1, 2)


def a_classifier(folder: Path, pictures: Path) -> Classifier:
    """A random classifier whose answers to the pictures differ."""
    encoder = load_encoder("random", CPU, "tiny")
    source = folder / "head.safetensors"
    weight = torch.randn(9, FEATURES, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = encoder.network(encoder.normalize(stack(images_of_folder(pictures))))
    save_head(source, Head(linear_layer(weight, -weight @ features.mean(0))))
    config = ProbeConfig(
        checkpoint="random", data=folder, test=None, output=folder / "out", device=CPU, side=32, batch_size=2
    )
    return Classifier(encoder, load_head(str(source), encoder, CPU), config, str(source))


def test_the_challenge_is_that_of_brute_force(tmp_path: Path) -> None:
    folder = write_in9(tmp_path / "in9", each=5)
    classifier = a_classifier(tmp_path, folder / "only_bg_t" / "val")
    found = Foregrounds.open(folder, HeadClasses({}, 9), partial=True)
    photos, grounds = (stack(images_of_folder(folder / name / "val")) for name in ("original", "only_bg_t"))
    labels, wanted = np.zeros(15, np.int64), []
    for row, photo in enumerate(photos):
        mixed = grounds[:2].clone()  # before all of them, random answers always differ
        mixed[..., :16] = photo[..., :16]
        answers = classifier.logits(mixed).argmax(1).tolist()
        labels[row] = answers[0]
        wanted.append(answers[1] != answers[0])
    assert 0 < sum(wanted) < 15
    known = Foregrounds(found.photos, found.masks, found.backgrounds.take([0, 1]), labels, np.arange(9))
    said: list[str] = []
    figures = run_challenge(classifier, known, said.append, None)
    assert figures == {
        "challenge": pytest.approx(1 - sum(wanted) / 15),
        "foregrounds": 15,
        "vulnerable": sum(wanted),
    }
    assert (tmp_path / "out" / "challenge.json").exists()


def test_what_is_done_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_in9(tmp_path / "in9")
    classifier = a_classifier(tmp_path, folder / "only_bg_t" / "val")
    found = Foregrounds.open(folder, HeadClasses({}, 9), partial=True)
    first = run_challenge(classifier, found, lambda text: None, None)
    monkeypatch.setattr(challenge, "is_vulnerable", None)
    assert run_challenge(classifier, found, lambda text: None, None) == first


def test_a_part_is_refused_and_damaged_masks_are_named(tmp_path: Path) -> None:
    folder = write_in9(tmp_path / "in9")
    with pytest.raises(UsageError, match="6 photos with masks and 6 backgrounds"):
        Foregrounds.open(folder, HeadClasses({}, 9), partial=False)
    with pytest.raises(UsageError, match="0 photos with masks"):
        Foregrounds.open(tmp_path, HeadClasses({}, 9), partial=True)
    mask = folder / "fg_mask" / "val" / "00_dog" / "00_0.npy"
    assert read_mask(mask, 32).sum() == 512
    assert read_mask(mask, 16).sum() == 128
    mask.write_bytes(b"no array")
    with pytest.raises(UsageError, match="cannot read a mask"):
        read_mask(mask, 32)
