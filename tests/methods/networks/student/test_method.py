"""The method student from photo to mask, in every runtime and precision of a CPU."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from maskgen.errors import EnvironmentFault, UsageError  # noqa: E402
from maskgen.methods import MethodOptions, load_network, make_method, network_input  # noqa: E402
from maskgen.methods.networks.checkpoint import encode_weights  # noqa: E402
from maskgen.methods.networks.student.method import PRECISIONS  # noqa: E402
from maskgen.methods.networks.student.weights import build_student, load_student  # noqa: E402

RUNTIMES = [name for name in ("torch", "onnxruntime", "openvino") if importlib.util.find_spec(name)]
ON_CPU = [
    (runtime, precision)
    for (runtime, device), precisions in PRECISIONS.items()
    for precision in precisions
    if device == "cpu" and runtime in RUNTIMES
]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A student of random weights whose maps are neither flat nor saturated."""
    torch.manual_seed(0)
    network = build_student("lite0")
    with torch.no_grad():
        network.decoder.head.weight *= 20  # type: ignore[operator]
    path = tmp_path_factory.mktemp("weights") / "student.safetensors"
    path.write_bytes(encode_weights("student", network.state_dict(), {"network": "lite0", "side": "96"}))
    return path


def photo(height: int = 80, width: int = 120) -> NDArray[np.uint8]:
    image = np.random.default_rng(0).integers(0, 90, (height, width, 3), dtype=np.uint8)
    image[height // 4 : height // 2 + 1, width // 4 : width // 2 + 1] = (230, 200, 20)
    return image


def options(weights: Path, **changes: str) -> MethodOptions:
    return MethodOptions(weights=str(weights), **{"refine": "none", **changes})  # type: ignore[arg-type]


@pytest.mark.slow
def test_every_runtime_gives_the_plain_networks_map(weights: Path) -> None:
    prepared = network_input("student", options(weights)).prepare(photo())
    assert prepared.shape == (96, 96, 3)
    x = (torch.from_numpy(prepared.astype(np.float32)).permute(2, 0, 1)[None] - 127) / 128
    with torch.inference_mode():
        wanted = load_student(weights, "lite0")(x).sigmoid().numpy()
    assert wanted.std() > 0.01
    masks = []
    for runtime in RUNTIMES:
        chosen = options(weights, runtime=runtime, precision="fp32")
        found = load_network("student", chosen)(prepared[None])
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, wanted, atol=1e-4, err_msg=runtime)
        masks.append(make_method("student", chosen)(photo()))
    for mask in masks:
        assert mask.shape == (80, 120)
        np.testing.assert_allclose(mask, masks[0], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize(("runtime", "precision"), ON_CPU)
def test_a_precision_is_near_float32_for_any_photo(weights: Path, runtime: str, precision: str) -> None:
    try:
        method = make_method("student", options(weights, runtime=runtime, precision=precision))
    except EnvironmentFault as fault:
        pytest.skip(str(fault))  # a CPU without bfloat16
    exact = make_method("student", options(weights, runtime="torch", precision="fp32"))
    for image in (photo(), photo(1, 1), photo(3, 200), np.full((40, 30, 3), 127, np.uint8)):
        mask = method(image)
        assert mask.shape == image.shape[:2]
        assert 0 <= mask.min() <= mask.max() <= 1
        assert np.abs(mask - exact(image)).max() < (1e-4 if precision == "fp32" else 0.05)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"weights": ""}, "needs its weights"),
        ({"weights": "absent.safetensors"}, "no such weights file"),
        ({"runtime": "onnxruntime", "precision": "bf16"}, "--precision bf16 is not to be had"),
        ({"network": "isnet"}, "--network is for --method onnx"),
    ],
)
def test_options_that_it_does_not_have(weights: Path, changes: dict[str, str], words: str) -> None:
    given = {"weights": str(weights), "refine": "none", **changes}
    with pytest.raises(UsageError, match=words):
        make_method("student", MethodOptions(**given))  # type: ignore[arg-type]


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(encode_weights("deepusps", {}, {"network": "small", "side": "64"}))
    with pytest.raises(UsageError, match="no checkpoint of student") as refusal:
        make_method("student", options(path))
    assert "--method deepusps" in refusal.value.remedy
    path.write_bytes(encode_weights("student", {}, {"network": "lite7", "side": "64"}))
    with pytest.raises(UsageError, match="unknown student 'lite7'"):
        make_method("student", options(path))
