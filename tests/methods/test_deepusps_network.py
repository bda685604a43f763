"""The networks: shapes, strides, torchvision's names, and that a photo's parts know of each other."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from maskgen.errors import UsageError  # noqa: E402
from maskgen.methods.deepusps_network import (  # noqa: E402
    EMBEDDED,
    HEADS,
    NETWORKS,
    BorderContrast,
    ResNetEncoder,
    build_network,
    load_start,
    normalised,
)
from maskgen.methods.u2net_network import U2Net  # noqa: E402


@pytest.mark.parametrize("name", ["small", "u2netp", "resnet18", "resnet50"])
def test_one_logit_per_pixel_at_any_size(name: str) -> None:
    network = build_network(name).eval()
    with torch.inference_mode():
        for size in ((64, 64), (72, 104)):
            assert network(torch.randn(1, 3, *size)).shape == (1, *size)


@pytest.mark.parametrize(("name", "channels"), [("resnet50x2", 4096), ("resnet101", 2048)])
def test_the_released_networks_have_stride_eight(name: str, channels: int) -> None:
    with torch.device("meta"):
        network = NETWORKS[name]()
        features = network.get_submodule("encoder")(torch.empty(1, 3, 64, 96))
        assert network(torch.empty(1, 3, 64, 96)).shape == (1, 64, 96)
    assert features[-1].shape == (1, channels, 8, 12)


@pytest.mark.parametrize("layers", [(2, 2, 2, 2)])
def test_an_encoder_is_torchvisions(layers: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    peer = torchvision.models.resnet18(weights=None).eval()
    state = {name: value for name, value in peer.state_dict().items() if not name.startswith("fc.")}
    encoder = ResNetEncoder(torchvision.models.resnet.BasicBlock, layers).eval()
    encoder.load_state_dict(state, strict=True)
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(encoder(x)[-1].mean((2, 3)) @ peer.fc.weight.T + peer.fc.bias, peer(x))


def test_twice_the_width_has_twice_the_channels_everywhere() -> None:
    with torch.device("meta"):
        narrow, wide = (
            ResNetEncoder(torchvision.models.resnet.Bottleneck, (3, 4, 6, 3), width) for width in (1, 2)
        )
    peer = torchvision.models.resnet50(weights=None).state_dict()
    given = {name: value.shape for name, value in narrow.state_dict().items()}
    assert given == {name: value.shape for name, value in peer.items() if not name.startswith("fc.")}
    for name, value in wide.state_dict().items():
        expected = [2 * n if n > 3 and axis < 2 else n for axis, n in enumerate(given[name])]
        if name == "conv1.weight":
            expected = [128, 3, 7, 7]
        assert list(value.shape) == expected, name


def test_u2netps_map_is_its_fused_one() -> None:
    network = build_network("u2netp").eval()
    plain = U2Net("u2netp").eval()
    plain.load_state_dict({name.removeprefix("network."): v for name, v in network.state_dict().items()})
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(x).sigmoid(), plain(x)[:, 0])


def test_contrast_is_the_mean_likeness_to_each_side_and_to_all() -> None:
    torch.manual_seed(0)
    layer = BorderContrast(6).eval()
    features, photos = torch.randn(2, 6, 4, 5), torch.randn(2, 3, 16, 20)
    seen: list[torch.Tensor] = []
    layer.merge.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    with torch.inference_mode():
        layer(features, photos)
        colours = torch.nn.functional.avg_pool2d(photos, 4)
        points = layer.embed(torch.cat([features, colours], 1)).view(2, HEADS, EMBEDDED, 4, 5)
    sides = [[(0, x) for x in range(5)], [(3, x) for x in range(5)]]
    sides += [[(y, 0) for y in range(4)], [(y, 4) for y in range(4)]]
    sides.append([(y, x) for y in range(4) for x in range(5)])
    for number, side in enumerate(sides):
        for head in range(HEADS):
            here = points[1, head, :, 2, 3]
            others = torch.stack([points[1, head, :, y, x] for y, x in side])
            expected = torch.exp(-((others - here) ** 2).sum(1)).mean()
            assert float(seen[0][1, number * HEADS + head, 2, 3]) == pytest.approx(float(expected), abs=1e-5)


def test_every_place_of_the_small_network_sees_the_whole_photo() -> None:
    network = build_network("small").eval()
    x = torch.randn(1, 3, 128, 128, requires_grad=True)
    network(x)[0, 8, 8].backward()
    assert x.grad is not None
    reached = x.grad[0].abs().sum(0)
    for corner in (reached[:32, :32], reached[-32:, -32:], reached[:32, -32:]):
        assert float((corner > 0).float().mean()) > 0.9


def test_the_small_network_is_small() -> None:
    count = sum(value.numel() for value in build_network("small").parameters())
    assert 4 * count < 10_000_000


def test_photos_are_normalised_by_imagenets_figures() -> None:
    from torchvision.transforms.functional import normalize

    photos = torch.randint(0, 256, (2, 3, 5, 7)).float()
    expected = normalize(photos / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(normalised(photos), expected)


def test_a_start_of_another_architecture_is_refused_with_what_differs() -> None:
    peer = torchvision.models.resnet18(weights=None).state_dict()
    encoder = {name: value for name, value in peer.items() if not name.startswith("fc.")}
    network = build_network("resnet18")
    load_start(network, encoder, "resnet18")
    assert torch.equal(network.get_submodule("encoder").state_dict()["conv1.weight"], peer["conv1.weight"])
    with pytest.raises(UsageError, match=r"neither those of resnet50 nor of its encoder.*\n.*missing"):
        load_start(build_network("resnet50"), encoder, "resnet50")


def test_unknown_names() -> None:
    with pytest.raises(UsageError, match="unknown network 'resnet'"):
        build_network("resnet")
