"""Every operator of the export against torch itself, in both runtimes; what is not known is refused."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from torch import Tensor, nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402, N812

from maskgen.errors import UsageError  # noqa: E402
from maskgen.methods.network import NetworkInput  # noqa: E402
from maskgen.methods.networks.onnx.declaration import Declaration, NetworkOutput, read_declaration  # noqa: E402
from maskgen.methods.networks.onnx.file import read_model  # noqa: E402
from maskgen.methods.networks.onnx.session import model_runner  # noqa: E402
from maskgen.methods.networks.onnx.translate import export_error, network_to_onnx  # noqa: E402

RUNTIMES = ["onnxruntime", *(["openvino"] if importlib.util.find_spec("openvino") else [])]
SIDE = 17
INPUT = NetworkInput(SIDE, (0.5,) * 3, (0.25,) * 3, divisor="255")
Change = Callable[["Small", Tensor], Tensor]


class Small(nn.Module):
    """Mix the photo, do one thing to it, bring it to one map of the photo's size."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.change = nn.Conv2d(3, 4, 1), change
        self.window = nn.Conv2d(4, 4, 3, stride=2, padding=(1, 0), dilation=(1, 2), groups=2)
        self.last = nn.LazyConv2d(1, 1)
        self.eval()(torch.zeros(1, 3, SIDE, SIDE))

    def forward(self, x: Tensor) -> Tensor:
        h = self.last(self.change(self, self.first(x)))
        h = F.interpolate(h, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
        return torch.sigmoid(h)


KNOWN: dict[str, Change] = {
    "conv": lambda net, x: net.window(x),
    "relu": lambda _, x: F.relu(x),
    "relu in place": lambda _, x: F.relu(x, inplace=True),
    "max pool": lambda _, x: F.max_pool2d(x, 2, 2),
    "max pool, ceil": lambda _, x: F.max_pool2d(x, 3, 2, padding=1, ceil_mode=True),
    "smaller": lambda _, x: F.interpolate(x, size=(7, 5), mode="bilinear", align_corners=False),
    "larger": lambda _, x: F.interpolate(x, size=(29, 31), mode="bilinear", align_corners=False),
    "corners": lambda _, x: F.interpolate(x, size=(29, 31), mode="bilinear", align_corners=True),
    "cat": lambda _, x: torch.cat([x, F.relu(x)], 1),
}
UNKNOWN: dict[str, Change] = {
    "tanh": lambda _, x: torch.tanh(x),
    "pad": lambda _, x: F.pad(x, (1, 1, 1, 1)),
    "factors": lambda _, x: F.interpolate(x, scale_factor=2.0, mode="bilinear"),
    "a number": lambda _, x: x + 1,
    "alpha": lambda _, x: torch.add(x, x, alpha=2),
}


def export(network: nn.Module) -> bytes:
    return network_to_onnx(network, SIDE, "small", "in words", Declaration(INPUT, NetworkOutput(0)))


@pytest.mark.slow  # openvino compiles each
@pytest.mark.parametrize("name", KNOWN)
def test_an_operator_gives_what_torch_gives(name: str) -> None:
    network = Small(KNOWN[name])
    x = 6 * torch.randn((2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        wanted = network(x).numpy()
    assert wanted.std() > 0.01  # a flat map would prove nothing
    file = read_model(export(network))
    for runtime in RUNTIMES:
        np.testing.assert_allclose(model_runner(file, runtime, x.shape)(x.numpy()), wanted, atol=1e-5)


@pytest.mark.slow  # torch.export
@pytest.mark.parametrize("name", UNKNOWN)
def test_what_is_not_known_is_refused(name: str) -> None:
    network = Small(UNKNOWN[name])
    with pytest.raises(UsageError, match="operator that the export does not know: aten"):
        export(network)


@pytest.mark.slow
def test_the_error_is_that_of_the_worst_pixel() -> None:
    network = Small(KNOWN["conv"])
    model = export(network)
    photos = np.random.default_rng(0).integers(0, 256, (2, SIDE, SIDE, 3), dtype=np.uint8)
    assert export_error(network, model, photos, INPUT) < 1e-6
    with torch.no_grad():
        network.last.bias += 0.01
    x = torch.from_numpy((photos / 255 - 0.5) / 0.25).permute(0, 3, 1, 2)
    with torch.inference_mode():
        logits = torch.logit(network.double()(x))
        wanted = float((logits.sigmoid() - (logits - 0.01).sigmoid()).abs().max())
    network.float()
    assert export_error(network, model, photos, INPUT) == pytest.approx(wanted, abs=1e-6)


@pytest.mark.slow
def test_the_file_says_how_it_is_used() -> None:
    data = export(Small(KNOWN["cat"]))
    assert data == export(Small(KNOWN["cat"]))
    model = onnx.load_from_string(data)
    told = {item.key: item.value for item in model.metadata_props}
    assert (told["network"], told["side"]) == ("small", str(SIDE))
    assert read_declaration(told["declaration"]) == Declaration(INPUT, NetworkOutput(0))
    assert model.doc_string.startswith("small: in words")
    file = read_model(data)
    assert (file.batch, file.side) == (0, SIDE)
