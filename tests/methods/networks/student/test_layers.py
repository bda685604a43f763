"""The decoder and the whole student: shapes, the maps of training, batch norms folded."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from maskgen.methods.networks.student.layers import Decoder, Saliency, Student, enlarge  # noqa: E402
from maskgen.methods.networks.student.structure import AUXILIARY  # noqa: E402

WIDTHS = (4, 6, 8, 10, 12)


def maps(height: int = 64, width: int = 96) -> list[torch.Tensor]:
    return [
        torch.randn(2, channels, height >> level, width >> level)
        for level, channels in enumerate(WIDTHS, start=1)
    ]


def test_the_decoder_gives_one_map_and_more_while_it_trains() -> None:
    decoder = Decoder(WIDTHS)
    shapes = [tuple(one.shape) for one in decoder.train()(maps())]
    assert shapes == [(2, 1, 32, 48), (2, 1, 4, 6), (2, 1, 8, 12)]  # strides 2, 16 and 8
    assert len(shapes) == 1 + len(AUXILIARY)
    assert [tuple(one.shape) for one in decoder.eval()(maps())] == [(2, 1, 32, 48)]


@pytest.mark.parametrize("level", range(5))
def test_every_map_of_the_encoder_is_used(level: int) -> None:
    torch.manual_seed(0)
    decoder, given = Decoder(WIDTHS).eval(), maps()
    with torch.inference_mode():
        before = decoder(given)[0]
        given[level] = given[level] + 1
        assert float((decoder(given)[0] - before).abs().max()) > 1e-6


@pytest.mark.slow
def test_sizes_that_are_no_multiple_of_32_come_back() -> None:
    torch.manual_seed(0)
    network = Student("lite0").eval()
    with torch.inference_mode():
        assert network(torch.zeros(1, 3, 32, 64)).shape == (1, 32, 64)
        assert [tuple(one.shape) for one in network.logits(torch.zeros(1, 3, 32, 64))] == [(1, 16, 32)]
        assert Saliency(network)(torch.zeros(1, 3, 75, 40)).shape == (1, 1, 75, 40)


@pytest.mark.slow
def test_folded_it_gives_the_sigmoid_of_the_same_logits() -> None:
    torch.manual_seed(0)
    network = Student("lite0")
    for part in network.modules():
        if isinstance(part, nn.BatchNorm2d):  # as if trained
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias)
            nn.init.normal_(part.running_mean)  # type: ignore[arg-type]
            nn.init.uniform_(part.running_var, 0.5, 2)  # type: ignore[arg-type]
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        wanted = network.eval()(x).sigmoid()[:, None]
        folded = Saliency(network)
        assert not any(isinstance(part, nn.BatchNorm2d) for part in folded.modules())
        found = folded(x)
        again = Saliency(network)(x)  # one that is folded stays as it is
    assert float(wanted.std()) > 0.01
    torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0)
    assert torch.equal(again, found)


def test_enlarging_keeps_the_middles_of_pixels() -> None:
    found = enlarge(torch.tensor([[[[0.0, 4.0]]]]), (1, 4))
    assert found.flatten().tolist() == [0, 1, 3, 4]  # at -.25, .25, .75 and 1.25 of the two pixels
