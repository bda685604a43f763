"""The networks: shapes, strides, torchvision's names, and that a photo's parts know of each other."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
torchvision = pytest.importorskip("torchvision")

from maskgen.errors import UsageError  # noqa: E402
from maskgen.methods.networks.deepusps.network import NETWORKS, ResNetEncoder, build_network, load_start  # noqa: E402
from maskgen.methods.networks.u2net.layers import U2Net  # noqa: E402


@pytest.mark.slow
@pytest.mark.parametrize("name", ["small", "u2netp", "resnet18", "resnet50"])
def test_one_logit_per_pixel_at_any_size(name: str) -> None:
    network = build_network(name).eval()
    with torch.inference_mode():
        for size in ((64, 64), (72, 104)):
            assert network(torch.randn(1, 3, *size)).shape == (1, *size)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "channels"), [("resnet50x2", 4096), ("resnet101", 2048)])
def test_the_released_networks_have_stride_eight(name: str, channels: int) -> None:
    with torch.device("meta"):
        network = NETWORKS[name]()
        features = network.get_submodule("encoder")(torch.empty(1, 3, 64, 96))
        assert network(torch.empty(1, 3, 64, 96)).shape == (1, 64, 96)
    assert features[-1].shape == (1, channels, 8, 12)


@pytest.mark.slow
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


@pytest.mark.slow
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


@pytest.mark.slow
def test_u2netps_map_is_its_fused_one() -> None:
    network = build_network("u2netp").eval()
    plain = U2Net("u2netp").eval()
    plain.load_state_dict({name.removeprefix("network."): v for name, v in network.state_dict().items()})
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(network(x).sigmoid(), plain(x)[:, 0])


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


@pytest.mark.slow
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
