from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torchvision.models import resnet50

from maskgen.errors import ShardFault, UsageError
from maskgen.trainers.methods import METHODS, Method
from maskgen.trainers.presets import find_preset
from maskgen.trainers.pretrained.encoder import load_encoder
from maskgen.trainers.settings import Settings, config_of
from maskgen.trainers.training import checkpoint
from maskgen.trainers.training.export import detectron2_names, export


def saved(folder: Path, backbone: str) -> tuple[Method, Path]:
    """A checkpoint of a method with moved running statistics."""
    preset = replace(find_preset("simsiam", "smoke"), backbone=backbone)
    torch.manual_seed(0)
    method = METHODS["simsiam"](preset)
    method.features(torch.randn(4, 3, 32, 32))
    config = config_of(preset, Settings(data="", output=folder), data="d", order="global")
    state = {"config": config, "method": method.state_dict(), "schedule": {"step": 3}}
    return method.eval(), checkpoint.save(folder / "checkpoints", 3, state)


IMAGES = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.slow
def test_a_resnet_50_loads_strictly_into_torchvisions(tmp_path: Path) -> None:
    method, _ = saved(tmp_path, "resnet50")
    facts = export(tmp_path, tmp_path / "out.safetensors")
    peer = resnet50(weights=None)
    peer.fc = nn.Identity()
    peer.load_state_dict(load_file(tmp_path / "out.safetensors"), strict=True)
    assert torch.equal(peer.eval()(IMAGES), method.features(IMAGES))
    assert (facts["backbone"], facts["method"], facts["view_px"], facts["step"]) == (
        "resnet50",
        "simsiam",
        "32",
        "3",
    )


@pytest.mark.slow
def test_an_export_has_the_same_bytes_each_time(tmp_path: Path) -> None:
    saved(tmp_path, "tiny")
    for number in range(6):
        export(tmp_path, tmp_path / f"{number}.safetensors")
    assert len({(tmp_path / f"{number}.safetensors").read_bytes() for number in range(6)}) == 1


def test_a_resnet_50_loads_strictly_into_timms(tmp_path: Path) -> None:
    method, _ = saved(tmp_path, "resnet50")
    export(tmp_path, tmp_path / "out.safetensors", "timm")
    peer = timm.create_model("resnet50", num_classes=0)
    peer.load_state_dict(load_file(tmp_path / "out.safetensors"), strict=True)
    torch.testing.assert_close(peer.eval()(IMAGES), method.features(IMAGES))


class Convolution(nn.Conv2d):
    """Detectron2's Conv2d: a norm of its own behind it."""

    def __init__(self, *args: int, **kwargs: int) -> None:
        super().__init__(*args, **kwargs, bias=False)
        self.norm = nn.BatchNorm2d(self.out_channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.norm(super().forward(x))
        return made


class Bottleneck(nn.Module):
    """Detectron2's BottleneckBlock with STRIDE_IN_1X1 off."""

    def __init__(self, into: int, mid: int, stride: int) -> None:
        super().__init__()
        out = 4 * mid
        if into != out:
            self.shortcut = Convolution(into, out, 1, stride)
        self.conv1 = Convolution(into, mid, 1)
        self.conv2 = Convolution(mid, mid, 3, stride, 1)
        self.conv3 = Convolution(mid, out, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        short = self.shortcut(x) if hasattr(self, "shortcut") else x
        made: torch.Tensor = (self.conv3(self.conv2(self.conv1(x).relu()).relu()) + short).relu()
        return made


class Detectron(nn.Module):
    """The module names of Detectron2's ResNet-50, written from its documentation of the model."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Module()
        self.stem.conv1 = Convolution(3, 64, 7, 2, 3)
        into = 64
        for stage, (mid, blocks) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=2):
            parts = []
            for block in range(blocks):
                parts.append(Bottleneck(into, mid, 2 if block == 0 and stage > 2 else 1))
                into = 4 * mid
            setattr(self, f"res{stage}", nn.Sequential(*parts))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(self.stem.conv1(x).relu(), 3, 2, 1)
        for stage in (self.res2, self.res3, self.res4, self.res5):
            x = stage(x)
        return x.mean((2, 3))


@pytest.mark.slow
def test_a_resnet_50_computes_the_same_under_detectron2s_names(tmp_path: Path) -> None:
    method, _ = saved(tmp_path, "resnet50")
    export(tmp_path, tmp_path / "out.pth", "detectron2")
    content = torch.load(tmp_path / "out.pth", weights_only=True)
    assert content["matching_heuristics"] is True
    peer = Detectron()
    peer.load_state_dict(
        content["model"], strict=True
    )  # BatchNorm does without its count, which Detectron2 lacks
    torch.testing.assert_close(peer.eval()(IMAGES), method.features(IMAGES))


@pytest.mark.slow
def test_openmmlab_reads_torchvisions_names(tmp_path: Path) -> None:
    """Its ResNet of style="pytorch" has them (mmpretrain, mmdet and mmseg share it), without a classifier."""
    method, _ = saved(tmp_path, "resnet50")
    export(tmp_path, tmp_path / "out.pth", "mmseg")
    content = torch.load(tmp_path / "out.pth", weights_only=True)
    assert set(content) == {"state_dict", "meta"}
    peer = resnet50()
    peer.fc = torch.nn.Identity()  # type: ignore[assignment]
    peer.load_state_dict(content["state_dict"], strict=True)
    torch.testing.assert_close(peer.eval()(IMAGES), method.features(IMAGES))


def test_what_is_no_resnet_of_four_stages_is_refused(tmp_path: Path) -> None:
    method, _ = saved(tmp_path, "tiny")
    with pytest.raises(UsageError, match="no place for this backbone"):
        detectron2_names(method.backbone.state_dict())
    with pytest.raises(UsageError, match=r"ends in \.pth"):
        export(tmp_path, tmp_path / "out.safetensors", "detectron2")
    with pytest.raises(UsageError, match="no place for this backbone"):
        export(tmp_path, tmp_path / "out.pth", "mmseg")
    with pytest.raises(UsageError, match="timm has no backbone 'tiny'"):
        export(tmp_path, tmp_path / "out.safetensors", "timm")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["checkpoint", "folder", "exported"])
def test_an_encoder_comes_back_from_each_form(tmp_path: Path, form: str) -> None:
    method, path = saved(tmp_path, "resnet18-small")
    target = tmp_path / "backbone.safetensors"
    export(path, target)
    source = {"checkpoint": path, "folder": tmp_path, "exported": target}[form]
    encoder = load_encoder(source, torch.device("cpu"))
    assert torch.equal(encoder.network(IMAGES), method.features(IMAGES))
    assert (encoder.dim, encoder.view_px) == (512, 32)


def test_a_damaged_last_checkpoint_is_passed_over_with_a_warning(tmp_path: Path) -> None:
    _, path = saved(tmp_path, "tiny")
    state = checkpoint.load(path)
    newest = checkpoint.save(path.parent, 4, {**state, "schedule": {"step": 4}})
    newest.write_bytes(newest.read_bytes()[:-1])
    checkpoint.save(path.parent, 5, {**state, "config": {}}, keep=3)
    checkpoint.save(path.parent, 6, {**state, "method": {"head.weight": torch.zeros(1)}}, keep=4)
    told: list[str] = []
    assert export(tmp_path, tmp_path / "out.safetensors", warn=told.append)["step"] == "3"
    assert len(told) == 3
    for text, words in zip(told, ("it holds no backbone", "KeyError: 'preset'", newest.name), strict=True):
        assert words in text
    path.write_bytes(b"")
    with pytest.raises(ShardFault, match="no checkpoint is whole"):
        export(tmp_path, tmp_path / "out.safetensors")


def test_damaged_and_foreign_files_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "x.safetensors"
    target.write_bytes(b"not this")
    with pytest.raises(ShardFault, match="cannot read an exported backbone"):
        load_encoder(target, torch.device("cpu"))
    with pytest.raises(UsageError, match="no checkpoint"):
        load_encoder(tmp_path, torch.device("cpu"))
    save_file({"w": torch.zeros(1)}, target)
    with pytest.raises(UsageError, match="no encoder is recognized"):
        load_encoder(target, torch.device("cpu"))


@pytest.mark.parametrize(
    "facts",
    [
        {"backbone": "tiny"},
        {"backbone": "tiny", "view_px": "32"},
        {"backbone": "tiny", "view_px": "wide", "checkpoint_sha256": "0"},
    ],
)
def test_an_exported_file_without_its_facts_is_refused(facts: dict[str, str], tmp_path: Path) -> None:
    target = tmp_path / "x.safetensors"
    save_file({"w": torch.zeros(1)}, target, metadata=facts)
    with pytest.raises(UsageError, match="does not say what backbone it is"):
        load_encoder(target, torch.device("cpu"))
