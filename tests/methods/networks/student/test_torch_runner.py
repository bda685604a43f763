"""Students run by torch: batches, maps that are not finite, GPUs that are not there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")

from maskgen.errors import EnvironmentFault, ImageFault  # noqa: E402
from maskgen.methods.network import NetworkInput  # noqa: E402
from maskgen.methods.networks.student.layers import Student  # noqa: E402
from maskgen.methods.networks.student.method import MEAN, STD  # noqa: E402
from maskgen.methods.networks.student.torch_runner import student_infer  # noqa: E402
from maskgen.methods.networks.student.weights import build_student  # noqa: E402

INPUT = NetworkInput(64, MEAN, STD, divisor="255")


def network() -> Student:
    torch.manual_seed(0)
    made = build_student("lite0").eval()
    with torch.no_grad():
        made.decoder.head.weight *= 20
    return made


def photos(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (count, 64, 64, 3), dtype=np.uint8)


@pytest.mark.slow
def test_a_batch_gives_the_plain_networks_maps_one_by_one() -> None:
    batch = photos(3)
    x = torch.from_numpy((batch / 255 - MEAN) / STD).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        wanted = network()(x).sigmoid().numpy()
    assert wanted.std() > 0.01
    infer = student_infer(network(), INPUT, device="cpu", precision="fp32")
    np.testing.assert_allclose(infer(batch), wanted, atol=1e-4)
    alone = np.concatenate([infer(one[None]) for one in batch])
    np.testing.assert_allclose(alone, wanted, atol=1e-4)


@pytest.mark.slow
def test_a_network_that_gives_no_finite_map_is_noticed() -> None:
    broken = network()
    torch.nn.init.constant_(broken.decoder.head.bias, float("nan"))  # type: ignore[arg-type]
    infer = student_infer(broken, INPUT, device="cpu", precision="fp32")
    assert np.isnan(infer(photos(2))).all()
    with pytest.raises(ImageFault, match="non-finite"):
        infer(photos(1))


@pytest.mark.slow
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there() -> None:
    with pytest.raises(EnvironmentFault):
        student_infer(network(), INPUT, device="cuda", precision="fp16")
